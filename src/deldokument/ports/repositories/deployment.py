"""Repository contract: the deployment's row.

`services.maintenance.deployment_claims` checks that blob store and keyring belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Deployment:
    """The deployment's id, the worker's last heartbeat, and whether destruction is halted.

    ``halted_at``: of all, because of the clock. ``ends_halted_at``: of keys of shares that ended early.

    ``keyring_fingerprint`` identifies its keyring; None before one is in use. ``trail_verified_at``: when the audit
    trail was last found intact; None before the first time.
    """

    id: str
    heartbeat_at: datetime | None
    halted_at: datetime | None
    ends_halted_at: datetime | None
    keyring_fingerprint: bytes | None = None
    trail_verified_at: datetime | None = None

    @property
    def halts(self) -> dict[str, bool]:
        """Whether destruction is halted, by what an operator has to confirm."""
        return {"clock": self.halted_at is not None, "ends": self.ends_halted_at is not None}


class Deployments(Protocol):
    """The row of this deployment."""

    def get(self) -> Deployment:
        """Return the one row. A write transaction locks it until it ends."""
        ...

    def is_bare(self) -> bool:
        """Return whether there is neither a tenant nor an operator yet."""
        ...

    def note_keyring(self, fingerprint: bytes) -> None:
        """Store the fingerprint of the keyring in use; the first one stays."""
        ...

    def note_verification(self, at: datetime) -> None:
        """Store when the audit trail was found intact."""
        ...

    def record_heartbeat(self, now: datetime) -> None: ...
    def halt(self, now: datetime) -> None: ...
    def resume(self, now: datetime) -> None:
        """End the halt and take ``now`` as the last heartbeat."""
        ...

    def claim_early_ends(self) -> bool:
        """Return whether no other transaction destroys the keys of early ends; then none does until this one ends."""
        ...

    def halt_ends(self, now: datetime) -> bool:
        """Show that early ends are halted, without deciding it; return whether it was not shown yet."""
        ...

    def resume_ends(self) -> None:
        """Show that early ends are not halted."""
        ...
