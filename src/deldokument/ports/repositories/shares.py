"""Repository contract: shares with their recipients and documents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.share import Document, Recipient, Share, ShareState


@dataclass(frozen=True, slots=True)
class ShareFilter:
    """Which shares of some accounts are wanted, newest first; ``before`` continues after that id.

    ``states`` are as they are at ``now``, whether or not a worker has been there; without it, as they are kept.
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
        """Those that there are."""
        ...

    def lock(self, share_id: str) -> Share | None:
        """The share, its row locked until the transaction ends."""
        ...

    def save(self, share: Share) -> None: ...
    def find(self, wanted: ShareFilter) -> list[Share]: ...
    def needing(self, account_ids: Collection[str], now: datetime, until: datetime, limit: int) -> list[Share]:
        """``limit`` drafts of each account, and as many open at ``now`` that end by ``until``, unread; in no order."""
        ...

    def audit_key_ids_available(self) -> list[str]: ...
    def open_for(self, lookup_hashes: Collection[bytes], now: datetime) -> list[tuple[Share, Recipient]]:
        """Shares open at ``now`` with the recipients found by hash, those that end first first."""
        ...

    def add_recipient(self, recipient: Recipient) -> bool:
        """False, and nothing changed, when the share has a recipient of that hash."""
        ...

    def save_recipient(self, recipient: Recipient) -> None: ...
    def remove_recipient(self, share_id: str, recipient_id: str) -> None: ...
    def recipients(self, share_ids: Collection[str]) -> list[Recipient]: ...
    def add_document(self, document: Document) -> None: ...
    def document(self, document_id: str) -> Document | None: ...
    def documents(self, share_ids: Collection[str]) -> list[Document]: ...
    def documents_after(self, share_id: str, after: tuple[int, str] | None, limit: int) -> list[Document]:
        """Of one share, in the order of ``documents``; those that come after that position and id."""
        ...

    def save_document(self, document: Document) -> None: ...
    def remove_document(self, document_id: str, now: datetime) -> None:
        """Remove it with its uploads; its parts become garbage in the same transaction."""
        ...
