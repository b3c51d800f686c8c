"""Statistics of shares, from the shares' own rows alone.

Guarantees:
- A count is the same before and after the documents and receipts of its shares are erased.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, case, cast, func, or_, select, update

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.statements import Statements, param
from deldokument.adapters.sql.tables.bytes import part, upload
from deldokument.adapters.sql.tables.shares import document, is_published, is_unerased, may_have_key, share
from deldokument.crypto.stream import CAPACITY, HEADER, TAG
from deldokument.domain.share import ShareState
from deldokument.domain.statistics import DocumentCounts, ShareCounts

_now = bindparam("now", type_=UtcMicros())
_its_documents = select(func.count()).where(document.c.share_id == share.c.id)
_its_bytes = select(func.coalesce(func.sum(document.c.length), 0)).where(document.c.share_id == share.c.id)
_count_documents = (
    update(share)
    .where(share.c.id == param("key"))
    .values(document_count=_its_documents.scalar_subquery(), byte_count=_its_bytes.scalar_subquery())
)


def _sum(column: Any) -> Any:
    """Return a sum with the type of its column: PostgreSQL's sums have another type."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


_is_over = or_(share.c.closed_at.is_not(None), share.c.expires_at <= _now)
_counts = (
    func.count(),
    _sum(share.c.document_count),
    _sum(share.c.byte_count),
    func.count(share.c.opened_at),
    func.count(share.c.downloaded_at),
    func.count(share.c.received_at),
    func.count(case((and_(share.c.opened_at.is_(None), _is_over), 1))),
    func.count(share.c.key_destroyed_at),
)
_is_within = and_(is_published, share.c.published_at >= param("start"), share.c.published_at < param("stop"))
_of_account = select(*_counts).where(_is_within, share.c.account_id == param("key"))
_of_tenant = (
    select(share.c.account_id, *_counts)
    .where(_is_within, share.c.tenant_id == param("key"))
    .group_by(share.c.account_id)
)
_is_kept = and_(share.c.account_id == param("key"), is_unerased)
_named = (
    select(func.count(document.c.id)).join_from(document, share).where(_is_kept, share.c.state != ShareState.ABANDONED)
)
_stored = select(func.count(document.c.id), _sum(document.c.length)).join_from(document, share)
# The length of an encrypted part, as crypto.stream.ciphertext_length.
_encrypted = part.c.length + HEADER + TAG * ((part.c.length + HEADER + CAPACITY - 1) // CAPACITY)
_stored_length = select(_sum(_encrypted)).join_from(part, upload).join(share, upload.c.share_id == share.c.id)
_destroyed = select(_sum(share.c.document_count)).where(
    is_published, share.c.account_id == param("key"), share.c.key_destroyed_at.is_not(None)
)
_first = select(func.min(share.c.published_at)).where(is_published, share.c.tenant_id == param("key"))


class SqlStatistics:
    """The port ports.repositories.statistics.Statistics in SQL."""

    def __init__(self, work: Statements) -> None:
        self._work = work

    def count_documents(self, share_id: str) -> None:
        """Store how many documents and bytes the share has.

        Raises: NotFound.
        """
        self._work.change(_count_documents, {"key": share_id}, "share")

    def published_by_tenant(
        self, tenant_id: str, start: datetime, stop: datetime, now: datetime
    ) -> dict[str, ShareCounts]:
        """Return counts by account of shares published from ``start`` until before ``stop``."""
        rows = self._work.rows(_of_tenant, {"key": tenant_id, "start": start, "stop": stop, "now": now})
        return {row[0]: ShareCounts(*row[1:]) for row in rows}

    def published_from_account(self, account_id: str, start: datetime, stop: datetime, now: datetime) -> ShareCounts:
        """Return the same for one account."""
        [row] = self._work.rows(_of_account, {"key": account_id, "start": start, "stop": stop, "now": now})
        return ShareCounts(*row)

    def documents_of_account(self, account_id: str) -> DocumentCounts:
        """Return the counts of one account's documents."""
        key = {"key": account_id}
        named = self._work.rows(_named, key)[0][0]
        kept = list(self._work.rows(_stored.where(_is_kept, may_have_key), key)[0])
        stored_length = self._work.rows(_stored_length.where(_is_kept, may_have_key), key)[0][0]
        destroyed = self._work.rows(_destroyed, key)[0][0]
        return DocumentCounts(named, kept[0], destroyed, kept[1], stored_length)

    def first_published_at(self, tenant_id: str) -> datetime | None:
        """Return the time of the tenant's first published share."""
        first: datetime | None = self._work.rows(_first, {"key": tenant_id})[0][0]
        return first
