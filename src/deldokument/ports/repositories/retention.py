"""Repository contract: what is due to end, to be destroyed or to be erased."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from deldokument.domain.share import Document, Share, ShareState


class Retention(Protocol):
    """What is due. Rows are taken with SKIP LOCKED where the database has it, so that workers share the work."""

    def due_shares(self, now: datetime, limit: int) -> list[Share]:
        """Available shares whose end has come."""
        ...

    def stale_drafts(self, changed_before: datetime, proposed_before: datetime, limit: int) -> list[Share]:
        """Drafts not changed since the one time, and if they are proposed, not since the other, earlier one."""
        ...

    def keys_to_destroy(self, now: datetime, limit: int) -> list[Share]:
        """Closed shares whose share key has not been destroyed, and whose end nobody can undo any more."""
        ...

    def close(self, share_ids: Collection[str], state: ShareState, now: datetime) -> None:
        """They are over since ``now``, in that state."""
        ...

    def note_destroyed_keys(self, share_ids: Collection[str], now: datetime) -> None:
        """Their share keys are destroyed; what was sealed under them in the rows goes too."""
        ...

    def blobs_to_release(self, limit: int) -> list[str]:
        """Shares whose key is destroyed and whose parts, if they had any, have not been made garbage."""
        ...

    def release_blobs(self, share_ids: Collection[str], now: datetime) -> None:
        """Make the parts of the shares garbage and drop uploads, manifests and inspection records."""
        ...

    def uninspected(self, now: datetime, limit: int) -> list[Document]:
        """Complete documents of living shares without an inspection record that nobody is inspecting."""
        ...

    def claim_inspection(self, document_id: str, now: datetime, until: datetime) -> bool:
        """Keep the document from all others until then; False when another one has it, or has been there."""
        ...

    def keep_inspection(self, document_id: str, until: datetime) -> None:
        """Whoever has claimed it keeps it until then, and no longer."""
        ...

    def spent_shares(self, now: datetime, limit: int) -> list[Share]:
        """Closed shares past their tenant's retention period that still have sealed fields."""
        ...

    def erase_shares(self, share_ids: Collection[str], now: datetime) -> None:
        """Remove names, titles, recipients, receipts and messages; state and times stay for the statistics."""
        ...

    def spent_members(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Members removed a retention period ago or longer whose number and name are there, each with its tenant."""
        ...

    def erase_member(self, member_id: str, now: datetime) -> None:
        """Remove number, name and hash; the row stays for what refers to it."""
        ...

    def audit_keys_in_use(self) -> set[str]:
        """Audit keys that an unerased share needs."""
        ...

    def erase_subjects(self, audit_key_id: str) -> None: ...
