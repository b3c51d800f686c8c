"""Shares by ids that may be unknown, and by the hashes of recipients, in tables."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Table, bindparam, func, select

from deldokument.adapters.sql.share_cards import CARD_COLUMNS, ShareCards
from deldokument.adapters.sql.shares import DOCUMENT
from deldokument.adapters.sql.statements import InList, Statements, distinct_values, param
from deldokument.adapters.sql.tables.shares import document, is_available, is_named, recipient, share
from deldokument.domain.share import Document, Share

_key = param("key")


def _id_at_or_after(table: Table) -> ColumnElement[str]:
    near = table.alias("near")
    first = select(func.min(near.c.id))
    if table is document:
        first = first.where(near.c.pending_since.is_(None))
    return func.coalesce(first.where(near.c.id >= _key).scalar_subquery(), first.scalar_subquery())


_at_or_after = select(*CARD_COLUMNS).where(share.c.id == _id_at_or_after(share))
_document_at_or_after = select(*DOCUMENT.columns).where(document.c.id == _id_at_or_after(document))
_audit_key_ids_available = distinct_values(share.c.audit_key_id, is_available)
# Two queries instead of a join: PostgreSQL expects a share for each hash, of which a person has one for each audit key.
# For the few that there are, it read the whole table of some ten thousand shares.
_shares_for = select(recipient.c.share_id).where(InList(recipient.c.lookup_hash, "keys"), is_named)
_open = select(*CARD_COLUMNS).where(
    InList(share.c.id, "keys"), is_available, share.c.expires_at > bindparam("now", type_=share.c.expires_at.type)
)


class SqlShareLookup:
    """The port ports.repositories.share_lookup.ShareLookup in SQL."""

    def __init__(self, work: Statements, cards: ShareCards) -> None:
        self._work = work
        self._cards = cards

    def share_at_or_after(self, share_id: str) -> Share | None:
        """Return the share with the id, else the next one in the order of ids, or the first.

        One query finds either, so that the time does not show which.
        """
        return next(iter(self._cards.read(self._work.rows(_at_or_after, {"key": share_id}))), None)

    def document_at_or_after(self, document_id: str) -> Document | None:
        """Return the document with the id, else the next one in the order of ids, or the first, as for shares.

        A pending document is not found by its id.
        """
        return DOCUMENT.intact(self._work, self._work.first(_document_at_or_after, {"key": document_id}))

    def audit_key_ids_available(self) -> list[str]:
        """Return the audit keys of the shares that are marked as available, also of those past their end."""
        return [row[0] for row in self._work.rows(_audit_key_ids_available)]

    def open_for(self, lookup_hashes: Collection[bytes], now: datetime) -> list[Share]:
        """Return shares open at ``now`` with a recipient found by hash, the first to end first."""
        ids = {row.share_id for row in self._work.batched(_shares_for, "keys", lookup_hashes)}
        found = self._cards.read(self._work.batched(_open, "keys", ids, now=now))
        return sorted(found, key=lambda one: (one.expires_at or now, one.id))
