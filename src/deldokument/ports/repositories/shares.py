"""Repository contract: shares with their recipients and documents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.share import Document, Recipient, RemovedDocument, Share, ShareState


@dataclass(frozen=True, slots=True)
class ShareFilter:
    """A filter for the shares of some accounts, newest first; ``before`` continues after that id.

    With ``now``, ``states`` are the states at that instant, whether or not a worker has recorded them. Without it, they
    are the stored states.
    """

    account_ids: tuple[str, ...]
    states: tuple[ShareState, ...] = ()
    now: datetime | None = None
    reference_hashes: tuple[bytes, ...] = ()
    before: tuple[datetime, str] | None = None
    limit: int = 50


class Shares(Protocol):
    """Shares with their recipients and documents."""

    def add(self, share: Share) -> None: ...
    def get(self, share_id: str) -> Share | None: ...
    def known(self, share_ids: Collection[str]) -> set[str]:
        """Return the ids for which a share exists."""
        ...

    def lock(self, share_id: str) -> Share | None:
        """Return the share, its row locked until the transaction ends. Required for a change of share or recipients."""
        ...

    def save(self, share: Share) -> bool:
        """Write all fields; return whether the transaction still needs an event about this share.

        It needs one if it changes what decides about the share. Of a draft, the time of the last change does not.
        """
        ...

    def find(self, wanted: ShareFilter) -> list[Share]: ...
    def needing(self, account_ids: Collection[str], now: datetime, until: datetime, limit: int) -> list[Share]:
        """Return shares that need attention, in no order, at most ``limit`` of each kind per account.

        The kinds: drafts, unread shares open at ``now`` that end by ``until``, and open shares for which a later end or
        a change is proposed. Also shares of which a recipient waits for an answer, open or over. Of the drafts, those
        proposed for approval come first, then those changed last.
        """
        ...

    def add_recipient(self, recipient: Recipient) -> bool:
        """Insert the recipient; False, with no change, if the share has a recipient of that hash."""
        ...

    def save_recipient(self, recipient: Recipient) -> None: ...
    def remove_recipient(self, share_id: str, recipient_id: str) -> None: ...
    def retire_recipient(self, tombstone: Recipient) -> None:
        """Replace a recipient by its tombstone."""
        ...

    def recipients(self, share_ids: Collection[str]) -> list[Recipient]:
        """Return the recipients, without those that have been removed."""
        ...

    def all_recipients(self, share_ids: Collection[str]) -> list[Recipient]:
        """Return the recipients, and the tombstones of those that were removed after publication."""
        ...

    def add_document(self, document: Document) -> None: ...
    def document(self, document_id: str) -> Document | None:
        """Return the document with the id, unless it is pending: recipients get nothing of a pending one."""
        ...

    def documents(self, share_ids: Collection[str]) -> list[Document]:
        """Return the documents, without the pending ones."""
        ...

    def documents_after(self, share_id: str, after: tuple[int, str] | None, limit: int) -> list[Document]:
        """Return documents of one share in the order of ``documents``, after that position and id.

        Raises: Broken if one of them is damaged, so that no archive goes without it.
        """
        ...

    def save_document(self, document: Document) -> None: ...
    def remove_document(self, document_id: str, now: datetime, tombstone: RemovedDocument | None = None) -> None:
        """Remove it with its uploads; its parts become garbage in the same transaction. A tombstone replaces it."""
        ...

    def removed_documents(self, share_ids: Collection[str]) -> list[RemovedDocument]:
        """Return the tombstones of documents that were removed after publication."""
        ...
