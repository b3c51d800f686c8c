"""Repository contract: what is due to end, to be destroyed or to be erased."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.share import Document, Share, ShareState

PatrolPlace = tuple[datetime, str]
"""Position in a patrol of all available shares: end and id of the last one."""


@dataclass(frozen=True, slots=True)
class Patrolled:
    """A slice of a patrol. ``overdue``: marked as available, though they are over by proof.

    ``seen`` are all of them; ``last`` is the place of the last share; None at the end of the patrol.
    """

    seen: list[Share]
    overdue: list[Share]
    last: PatrolPlace | None


class Retention(Protocol):
    """Due rows, selected with SKIP LOCKED where the database has it, so that workers share the work.

    A share is due only by proof: its card, its tenant or account that has ended, or authentic events. A row proves
    nothing. One that is closed without proof is reported as damaged.
    """

    def due_shares(self, now: datetime, limit: int) -> list[Share]:
        """Return available shares that are over, of those that have expired by their rows."""
        ...

    def patrol(self, after: PatrolPlace | None, now: datetime, limit: int) -> Patrolled:
        """Verify the next available shares after a place; a write transaction locks them.

        Unlike ``due_shares``, it does not rely on the row's own end.
        """
        ...

    def stale_drafts(self, now: datetime, limit: int) -> list[Share]:
        """Return drafts that have not been changed for DRAFT_LIFETIME; a system's for SYSTEM_DRAFT_LIFETIME."""
        ...

    def keys_to_destroy(self, now: datetime, limit: int, *, early: bool | None = None) -> list[Share]:
        """Return closed shares whose share key exists, and whose end can no longer be undone.

        ``early``: only those that somebody has ended before their time, or only those that are over by time, or with
        their tenant or account.
        """
        ...

    def over(self, share_ids: Collection[str], now: datetime, *, early: bool | None = None) -> list[Share]:
        """Return the shares among these that are over and cannot be restored; a write transaction locks them.

        ``early`` is as in ``keys_to_destroy``.
        What the row says of its key or its erasure does not count. Available shares are the patrol's.
        """
        ...

    def close(self, share_ids: Collection[str], state: ShareState, now: datetime) -> None:
        """Set the state of the shares, and ``now`` as the time of their end."""
        ...

    def note_destroyed_keys(self, share_ids: Collection[str], now: datetime) -> None:
        """Record that the share keys are destroyed, and remove the fields that were encrypted under them."""
        ...

    def blobs_to_release(self, limit: int) -> list[str]:
        """Return shares whose key is destroyed and whose parts, if they had any, are not yet garbage."""
        ...

    def release_blobs(self, share_ids: Collection[str], now: datetime) -> None:
        """Make the parts of the shares garbage; drop uploads, pending documents, manifests and inspection records."""
        ...

    def uninspected(self, now: datetime, limit: int) -> list[Document]:
        """Return complete documents of living shares that have no inspection record and are not claimed."""
        ...

    def due_rescans(self, now: datetime, limit: int) -> list[Document]:
        """Return documents of living shares whose time to be scanned again has come, and that are not claimed."""
        ...

    def schedule_rescans(self, now: datetime) -> int:
        """Make every inspected document of open shares due to be scanned again; return how many there are."""
        ...

    def claim_inspection(self, document_id: str, now: datetime, until: datetime) -> bool:
        """Claim the document until then; False if another worker has claimed or inspected it."""
        ...

    def keep_inspection(self, document_id: str, until: datetime) -> None:
        """Move the end of the claim to ``until``."""
        ...

    def spent_shares(self, now: datetime, limit: int) -> list[Share]:
        """Return closed shares past their tenant's retention period that still have encrypted fields."""
        ...

    def erase_shares(self, share_ids: Collection[str], now: datetime) -> None:
        """Remove names, titles, recipients, receipts and messages; state and times stay for the statistics."""
        ...

    def spent_members(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return unerased members removed at least a retention period ago, each with its tenant."""
        ...

    def erase_member(self, member_id: str, now: datetime) -> None:
        """Remove number, name and hash; the row stays for what refers to it."""
        ...

    def audit_keys_in_use(self) -> set[str]:
        """Return the audit keys that unerased shares need."""
        ...

    def erase_subjects(self, audit_key_id: str) -> None: ...
