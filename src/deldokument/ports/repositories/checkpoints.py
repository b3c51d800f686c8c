"""Repository contract: checkpoints of the event chains, and the certificates that verify them.

See ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.chain import Seal


class Checkpoints(Protocol):
    """The checkpoints of all chains."""

    def due(self, sealed_before: datetime, now: datetime) -> list[str]:
        """Return chains with events after their last checkpoint that are due for a new one.

        A chain is due if it has no checkpoint, or if the last one is from ``sealed_before`` or earlier. It is also due
        if the last one is from after ``now``: the clock was set back.
        """
        ...

    def add(self, seal: Seal) -> None:
        """Insert the checkpoint. Raises: Conflict if another worker has signed one for the same event."""
        ...

    def last(self, chain: str) -> Seal | None: ...
    def following(self, chain: str, *, after: int, limit: int) -> list[Seal]:
        """Return checkpoints by number; ``after`` continues."""
        ...

    def keep_certificate(self, fingerprint: str, certificate: bytes) -> None:
        """Store the certificate that verifies checkpoints. Storing it again changes nothing."""
        ...

    def certificates(self) -> dict[str, bytes]:
        """Return all stored certificates, by fingerprint."""
        ...
