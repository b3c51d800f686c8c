"""Statistics of shares, from the shares' own rows, and of notices.

Guarantees:
- A count is the same before and after the documents and receipts of its shares are erased.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, insert, or_, select, update

from deldokument.crypto.stream import CAPACITY, HEADER, TAG
from deldokument.domain.messages.outbox import Cost
from deldokument.domain.shares.share import ShareState, new_id
from deldokument.domain.shares.statistics import DocumentCounts, Month, NoticeCounts, ShareCounts, parse_month
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.expressions import InList, total
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.outbox import notice_count
from deldokument.store.tables.shares import (
    document,
    is_draft,
    is_pending,
    is_published,
    is_unerased,
    may_have_key,
    share,
)
from deldokument.store.tables.uploads import part, upload

_now = bindparam("now", type_=UtcMicros())
_is_its = and_(document.c.share_id == share.c.id, ~is_pending)
_its_documents = select(func.count()).where(_is_its)
_its_bytes = select(func.coalesce(func.sum(document.c.length), 0)).where(_is_its)
_count_documents = (
    update(share)
    .where(share.c.id == param("key"))
    .values(
        document_count=case((is_draft, 0), else_=_its_documents.scalar_subquery()),
        byte_count=case((is_draft, 0), else_=_its_bytes.scalar_subquery()),
    )
)

_is_over = or_(share.c.closed_at.is_not(None), share.c.expires_at <= _now)
_counts = (
    func.count(),
    total(share.c.document_count),
    total(share.c.byte_count),
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
_stored = select(func.count(document.c.id), total(document.c.length)).join_from(document, share)
# The length of an encrypted part, as crypto.stream.ciphertext_length.
_encrypted = part.c.length + HEADER + TAG * ((part.c.length + HEADER + CAPACITY - 1) // CAPACITY)
_stored_length = select(total(_encrypted)).join_from(part, upload).join(share, upload.c.share_id == share.c.id)
_destroyed = select(total(share.c.document_count)).where(
    is_published, share.c.account_id == param("key"), share.c.key_destroyed_at.is_not(None)
)
_first = select(func.min(share.c.published_at)).where(is_published, share.c.tenant_id == param("key"))


# Two workers may each have added a row: use only one of them.
_its_row = (
    select(func.min(notice_count.c.id))
    .where(
        notice_count.c.account_id == param("its_account_id"),
        notice_count.c.month == param("its_month"),
        notice_count.c.cost_code == param("its_cost_code"),
    )
    .scalar_subquery()
)
_count_notice = (
    update(notice_count)
    .where(notice_count.c.id == _its_row)
    .values(notices=notice_count.c.notices + 1, messages=notice_count.c.messages + param("its_messages"))
)
_kind_of_notice = (notice_count.c.account_id, notice_count.c.month, notice_count.c.cost_code)
_notices = (
    select(
        *_kind_of_notice,
        total(notice_count.c.notices).label("notices"),
        total(notice_count.c.messages).label("messages"),
    )
    .where(
        InList(notice_count.c.account_id, "keys"),
        notice_count.c.month >= param("first"),
        notice_count.c.month <= param("last"),
    )
    .group_by(*_kind_of_notice)
)


class Statistics(Repository):
    """Counts of published shares and sent notices, which remain after the shares are erased."""

    def count_documents(self, share_id: str) -> None:
        """Store the number of the share's documents and bytes; 0 for a draft. Raises: NotFound."""
        self._work.change(_count_documents, {"key": share_id}, "share")

    def published_by_tenant(
        self, tenant_id: str, start: datetime, stop: datetime, now: datetime
    ) -> dict[str, ShareCounts]:
        """Count, by account, the shares published from ``start`` until before ``stop``.

        Accounts without shares are left out. ``now`` determines which shares are over.
        """
        rows = self._work.rows(_of_tenant, {"key": tenant_id, "start": start, "stop": stop, "now": now})
        return {row[0]: ShareCounts(*row[1:]) for row in rows}

    def published_from_account(self, account_id: str, start: datetime, stop: datetime, now: datetime) -> ShareCounts:
        """Count the shares of one account in the same way."""
        [row] = self._work.rows(_of_account, {"key": account_id, "start": start, "stop": stop, "now": now})
        return ShareCounts(*row)

    def documents_of_account(self, account_id: str) -> DocumentCounts:
        """Count the account's present documents, and the destroyed ones."""
        key = {"key": account_id}
        named = self._work.rows(_named, key)[0][0]
        kept = list(self._work.rows(_stored.where(_is_kept, may_have_key), key)[0])
        stored_length = self._work.rows(_stored_length.where(_is_kept, may_have_key), key)[0][0]
        destroyed = self._work.rows(_destroyed, key)[0][0]
        return DocumentCounts(named, kept[0], destroyed, kept[1], stored_length)

    def count_notice(self, account_id: str, month: Month, cost: Cost) -> None:
        """Count a notice in the row of its account, month and cost code; the first one inserts the row."""
        row = {"account_id": account_id, "month": str(month), "cost_code": cost.cost_code, "messages": cost.messages}
        if not self._work.count(_count_notice, {f"its_{name}": value for name, value in row.items()}):
            self._work.run(insert(notice_count), row | {"id": new_id(), "notices": 1})

    def notices(self, account_ids: Collection[str], first: Month, last: Month) -> list[NoticeCounts]:
        """Return the counts from ``first`` to ``last``, by month, account and cost code."""
        rows = self._work.rows_in_batches(_notices, "keys", account_ids, first=str(first), last=str(last))
        found = [
            NoticeCounts(
                row.account_id, parse_month(row.month, field="month"), row.cost_code, row.notices, row.messages
            )
            for row in rows
        ]
        return sorted(found, key=lambda one: (one.month, one.account_id, one.cost_code))

    def first_published_at(self, tenant_id: str) -> datetime | None:
        """Return the time of the tenant's first published share."""
        first: datetime | None = self._work.rows(_first, {"key": tenant_id})[0][0]
        return first
