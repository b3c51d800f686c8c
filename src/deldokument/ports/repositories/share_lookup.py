"""Repository contract: shares as people and systems come to them, by a link, an id or their own number.

An unknown id leads to another row, so that it takes the same queries as the id of a row of others.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from deldokument.domain.share import Document, Share, ShareState


class ShareLookup(Protocol):
    """Shares and documents by ids that may be unknown, and by hashes of recipients."""

    def share_at_or_after(self, share_id: str) -> Share | None:
        """Return the share with the id, else the next one in the order of ids, or the first; None if there is none."""
        ...

    def document_at_or_after(self, document_id: str) -> Document | None:
        """Return the document with the id, or else another one, as ``share_at_or_after``."""
        ...

    def state_for_member(self, share_id: str, lookup_hash: bytes) -> ShareState | None:
        """Return the share's state, if the person is a living member of its account; otherwise None.

        The result is not verified, so it must not grant access. An unknown id leads to another share, as for
        ``share_at_or_after``.
        """
        ...

    def state_for_organization(self, share_id: str, organization_number: str) -> ShareState | None:
        """Return the state as ``state_for_member``, if the organisation's system is integrated with the account."""
        ...

    def audit_key_ids_available(self) -> list[str]: ...
    def open_for(self, lookup_hashes: Collection[bytes], now: datetime) -> list[Share]:
        """Return shares open at ``now`` with a recipient that has one of these hashes, earliest end first."""
        ...

    def shared_lately(self, member_id: str, account_id: str, among: int, limit: int) -> list[Share]:
        """Return the newest published shares of a member, newest first, of the ``among`` newest of the account."""
        ...

    def answering(self, share_ids: Collection[str]) -> list[Share]:
        """Return the drafts that will answer requests about these shares, the last begun first."""
        ...

    def document_ids(self, share_ids: Collection[str]) -> dict[str, list[str]]:
        """Return the ids of the documents, without the pending ones, for each of the shares."""
        ...
