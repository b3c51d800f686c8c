"""Repository contract: the deployment's row; `deployment_claims` checks the store and the keyring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Deployment:
    """Its id, the worker's last heartbeat, whether destruction is halted.

    ``keyring_fingerprint`` tells its keyring from others; None before one is in use.
    """

    id: str
    heartbeat_at: datetime | None
    halted_at: datetime | None
    keyring_fingerprint: bytes | None = None


class Deployments(Protocol):
    """The row of this deployment."""

    def get(self) -> Deployment:
        """Return the one row. A write transaction locks it until it ends."""
        ...

    def note_keyring(self, fingerprint: bytes) -> None:
        """Remember the keyring that is in use; the first one stays."""
        ...

    def record_heartbeat(self, now: datetime) -> None: ...
    def halt(self, now: datetime) -> None: ...
    def resume(self, now: datetime) -> None:
        """End the halt and take ``now`` as the last heartbeat."""
        ...
