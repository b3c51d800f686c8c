"""Queries for rows that are due to end or to be erased, and their erasure.

Guarantees:
- On PostgreSQL, concurrent workers get different rows as long as each keeps its transaction open.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    type_coerce,
    update,
)

from deldokument.domain.errors import NotFound
from deldokument.domain.shares.share import DRAFT_LIFETIME, SYSTEM_DRAFT_LIFETIME, Document, Share, ShareState
from deldokument.domain.tenants.tenancy import Member
from deldokument.store.engine.authenticated_rows import AuthenticatedMapper
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.expressions import InList, is_current
from deldokument.store.engine.statements import Statements, batches, distinct_values, param
from deldokument.store.shares.share_cards import CARD_COLUMNS, PROOF_COLUMNS, SHARE, ShareCards
from deldokument.store.shares.share_ends import ShareEnds
from deldokument.store.shares.shares import DOCUMENT
from deldokument.store.tables.audit import audit_subject
from deldokument.store.tables.outbox import outbox
from deldokument.store.tables.shares import (
    document,
    has_key,
    has_rescan,
    is_available,
    is_closed_unerased,
    is_draft,
    is_pending,
    is_system_draft,
    is_unerased,
    is_uninspected,
    may_have_blobs,
    receipt,
    recipient,
    removed_document,
    share,
)
from deldokument.store.tables.tags import MEMBER_TAGS
from deldokument.store.tables.tenancy import account, is_removed_unerased, member, tenant
from deldokument.store.uploads.uploads import discard_uploads, of_documents_of_shares, of_shares

PatrolPlace = tuple[datetime, str]
"""Position in a patrol of all available shares: end and id of the last one."""


@dataclass(frozen=True, slots=True)
class Patrolled:
    """A slice of a patrol. ``overdue``: shares marked as available, although they are proven to be over.

    ``seen``: all shares of the slice. ``last``: the place of the last share; None at the end of the patrol.
    """

    seen: list[Share]
    overdue: list[Share]
    last: PatrolPlace | None


_key = param("key")
_now = bindparam("now", type_=UtcMicros())
_most = param("most")


@dataclass(frozen=True, slots=True)
class _Paged:
    """A query for shares in order of the time ``by``: from the first, or after a place."""

    by: str
    first: Select[Any]
    after: Select[Any]


def _create_pages(query: Select[Any], column: Column[Any]) -> _Paged:
    end = bindparam("end", type_=UtcMicros())
    first = query.order_by(column, share.c.id).limit(_most)
    following = or_(column > end, and_(column == end, share.c.id > param("id")))
    return _Paged(column.name, first, first.where(column >= end, following))


_shares = select(*SHARE.columns).where(is_current(share.c.tenant_id)).limit(_most)
_provable = select(*PROOF_COLUMNS)
_patrol = _create_pages(select(*CARD_COLUMNS).where(is_available), share.c.expires_at)
_due = _create_pages(_provable.where(is_available, share.c.expires_at <= _now), share.c.expires_at)
_is_stale = or_(share.c.changed_at < param("before"), is_system_draft)
_stale = _create_pages(
    _provable.where(is_draft, share.c.changed_at < param("system_before"), _is_stale), share.c.changed_at
)
_with_key = _create_pages(_provable.where(has_key), share.c.closed_at)
# The patrol ends available shares.
_over = _provable.where(InList(share.c.id, "keys"), ~is_available)
_with_blobs = select(share.c.id).where(may_have_blobs).order_by(share.c.key_destroyed_at).limit(_most)
_until = bindparam("until", type_=UtcMicros())
_nobodys = or_(document.c.inspecting_until.is_(None), document.c.inspecting_until <= _now)
_rescan_is_due = and_(has_rescan, document.c.rescan_at <= _now)
_claim = (
    update(document)
    .where(document.c.id == _key, or_(is_uninspected, _rescan_is_due), _nobodys)
    .values(inspecting_until=_until)
)
_keep = update(document).where(document.c.id == _key).values(inspecting_until=_until)


def _inspectable(which: ColumnElement[bool], since: Column[Any]) -> Select[Any]:
    """Return the query for documents of open shares that are not being inspected, the longest waiting first."""
    documents = select(*DOCUMENT.columns).join(share)
    return documents.where(which, share.c.closed_at.is_(None), _nobodys).order_by(since).limit(_most)


_uninspected = _inspectable(is_uninspected, document.c.completed_at)
_rescans = _inspectable(_rescan_is_due, document.c.rescan_at)
_open_shares = select(share.c.id).where(is_available, share.c.expires_at > _now)
_schedule_rescans = (
    update(document)
    .where(document.c.inspected_at.is_not(None), document.c.share_id.in_(_open_shares))
    .values(rescan_at=_now)
)
# One query per tenant, because retention periods differ: so each result comes straight from the index.
_horizon = _now.op("-", return_type=UtcMicros())(tenant.c.retention)
_first_closed = select(func.min(share.c.closed_at)).where(is_closed_unerased, share.c.tenant_id == tenant.c.id)
_retentions = select(tenant.c.id, tenant.c.retention).where(_first_closed.scalar_subquery() <= _horizon)
_spent = _shares.where(is_closed_unerased, share.c.tenant_id == _key, share.c.closed_at <= param("before")).order_by(
    share.c.closed_at
)
# The shortest period selects by the index; each row is then checked against its tenant's own period.
_shortest = select(func.min(tenant.c.retention))
_spent_members = (
    select(member.c.id, account.c.tenant_id)
    .join_from(member, account)
    .join(tenant, account.c.tenant_id == tenant.c.id)
    .where(
        is_removed_unerased,
        is_current(account.c.tenant_id),
        member.c.removed_at <= param("before"),
        type_coerce(member.c.removed_at, BigInteger) + type_coerce(tenant.c.retention, BigInteger) <= _now,
    )
    .order_by(member.c.removed_at)
    .limit(_most)
)
_MEMBER = AuthenticatedMapper(Member, MEMBER_TAGS)
_member = select(*_MEMBER.columns).where(member.c.id == _key)
_these = update(share).where(InList(share.c.id, "keys"))
_close = _these.values(state=param("over"), closed_at=_now, changed_at=_now)
_destroyed = _these.values(key_destroyed_at=_now, sealed_share_texts=b"", sealed_change=None, sealed_return_note=None)
_drop_pending = delete(document).where(InList(document.c.share_id, "keys"), is_pending)
_released = _these.values(blobs_released=True)
_drop_seals = (
    update(document)
    .where(InList(document.c.share_id, "keys"))
    .values(sealed_manifest=b"", sealed_inspection=b"", sealed_scan=None, sealed_release=None, rescan_at=None)
)
_erased = _these.values(
    sealed_audit_texts=b"",
    sealed_share_texts=b"",
    sealed_change=None,
    sealed_return_note=None,
    reference_hash=b"",
    blobs_released=True,
    erased_at=_now,
)
# A row that was changed outside the service names another share than the one of its recipient.
_erase_misplaced_receipts = delete(receipt).where(
    receipt.c.recipient_id.in_(select(recipient.c.id).where(InList(recipient.c.share_id, "keys")))
)
_audit_keys = distinct_values(share.c.audit_key_id, is_unerased)
_erase_subjects = delete(audit_subject).where(audit_subject.c.audit_key_id == _key)


class Retention:
    """Due rows, selected with SKIP LOCKED where the database has it, so that workers share the work.

    A share is due only with proof: its card, the end of its tenant or account, or authentic events. Its row is no
    proof. A share that is closed without proof is reported as damaged.
    """

    def __init__(self, work: Statements, cards: ShareCards) -> None:
        self._work = work
        self._cards = cards
        self._ends = ShareEnds(work)

    def due_shares(self, now: datetime, limit: int) -> list[Share]:
        """Return available shares whose rows say that they have expired, and that are proven to be over."""
        return self._find_over(_due, {"now": now}, now, limit)

    def patrol(self, after: PatrolPlace | None, now: datetime, limit: int) -> Patrolled:
        """Verify the next available shares after a place; a write transaction locks them.

        Unlike ``due_shares``, it does not rely on the end in the row.
        """
        rows, place = self._page(_patrol, {}, after, limit)
        return Patrolled(self._cards.read(rows), self._ends.over(rows, now), place)

    def stale_drafts(self, now: datetime, limit: int) -> list[Share]:
        """Return drafts that have not been changed for DRAFT_LIFETIME; a system's for SYSTEM_DRAFT_LIFETIME."""
        values = {"before": now - DRAFT_LIFETIME, "system_before": now - SYSTEM_DRAFT_LIFETIME}
        return self._find_over(_stale, values, now, limit)

    def keys_to_destroy(self, now: datetime, limit: int, *, early: bool | None = None) -> list[Share]:
        """Return closed shares whose share key exists, and whose end can no longer be undone.

        ``early``: True for shares that were ended before their time; False for shares that ended on time, or with their
        tenant or account.
        """
        return self._find_over(_with_key, {}, now, limit, early=early)

    def over(self, share_ids: Collection[str], now: datetime, *, early: bool | None = None) -> list[Share]:
        """Return the shares among these that are over and cannot be restored; a write transaction locks them.

        ``early`` is as in ``keys_to_destroy``. The row's fields about its key and erasure do not count. Available
        shares are left to the patrol.
        """
        rows = [row for some in batches(set(share_ids)) for row in self._rows(_over, share, {"keys": some})]
        return self._ends.over(rows, now, early=early)

    def close(self, share_ids: Collection[str], state: ShareState, now: datetime) -> None:
        """Set the state of the shares, with ``now`` as the time of their end."""
        for batch in batches(share_ids):
            self._work.run(_close, {"keys": batch, "over": state, "now": now})

    def note_destroyed_keys(self, share_ids: Collection[str], now: datetime) -> None:
        """Record that the share keys are destroyed, and remove the fields encrypted under them."""
        for batch in batches(share_ids):
            self._work.run(_destroyed, {"keys": batch, "now": now})

    def blobs_to_release(self, limit: int) -> list[str]:
        """Return shares whose key is destroyed and whose parts, if any, are not yet garbage."""
        return [row[0] for row in self._rows(_with_blobs, share, {"most": limit})]

    def release_blobs(self, share_ids: Collection[str], now: datetime) -> None:
        """Make the parts of the shares garbage; drop uploads, pending documents, manifests and inspection records."""
        for batch in batches(share_ids):
            self._discard_uploads(batch, now)
            self._work.run(_drop_pending, {"keys": batch})
            self._work.run(_drop_seals, {"keys": batch})
            self._work.run(_released, {"keys": batch})

    def uninspected_documents(self, now: datetime, limit: int) -> list[Document]:
        """Return complete documents of living shares that have no inspection record and are not claimed."""
        return self._documents(_uninspected, {"now": now, "most": limit})

    def due_rescans(self, now: datetime, limit: int) -> list[Document]:
        """Return documents of living shares that are due to be scanned again, and not claimed."""
        return self._documents(_rescans, {"now": now, "most": limit})

    def schedule_rescans(self, now: datetime) -> int:
        """Make every inspected document of open shares due to be scanned again; return their number."""
        return self._work.count(_schedule_rescans, {"now": now})

    def claim_inspection(self, document_id: str, now: datetime, until: datetime) -> bool:
        """Lease a document's inspection.

        Returns False if another worker has leased or finished it, and no other scan is due.
        """
        return self._work.count(_claim, {"key": document_id, "now": now, "until": until}) == 1

    def keep_inspection(self, document_id: str, until: datetime) -> None:
        """Renew the lease of an inspection; do nothing if the document is gone."""
        self._work.run(_keep, {"key": document_id, "until": until})

    def spent_shares(self, now: datetime, limit: int) -> list[Share]:
        """Return closed shares past their tenant's retention period that still have encrypted fields."""
        found: list[Share] = []
        for row in self._work.rows(_retentions, {"now": now}):
            values = {"key": row.id, "before": now - row.retention, "most": limit - len(found)}
            found += self._shares(_spent, values) if len(found) < limit else []
        return found

    def erase_shares(self, share_ids: Collection[str], now: datetime) -> None:
        """Remove names, titles, recipients, receipts and messages. State and times remain for the statistics.

        Raises: NotFound.
        """
        for batch in batches(share_ids):
            self._discard_uploads(batch, now)
            self._work.run(_erase_misplaced_receipts, {"keys": batch})
            for table in (outbox, receipt, recipient, document, removed_document):
                self._work.run(delete(table).where(InList(table.c.share_id, "keys")), {"keys": batch})
            if self._work.count(_erased, {"keys": batch, "now": now}) != len(batch):
                raise NotFound("share")

    def _discard_uploads(self, share_ids: Collection[str], now: datetime) -> None:
        for which in (of_shares, of_documents_of_shares):
            discard_uploads(self._work, which, {"keys": share_ids}, now)

    def spent_members(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """Return unerased members removed at least a retention period ago, each with its tenant."""
        shortest = self._work.rows(_shortest)[0][0] or timedelta()
        values = {"before": now - shortest, "now": now, "most": limit}
        rows = self._rows(_spent_members, member, values | self._work.held)
        return [(row.id, row.tenant_id) for row in rows]

    def erase_member(self, member_id: str, now: datetime) -> None:
        """Remove number, name and hash. The row remains, because others refer to it."""
        if not _MEMBER.rewrite(
            self._work, _member, lambda one: replace(one.forget_name(), erased_at=now), key=member_id
        ):
            raise NotFound("member")

    def audit_keys_in_use(self) -> set[str]:
        """Return the ids of the audit keys that unerased shares need."""
        return {row[0] for row in self._work.rows(_audit_keys)}

    def erase_subjects(self, audit_key_id: str) -> None:
        """Delete the identities of the subjects of an audit key."""
        self._work.run(_erase_subjects, {"key": audit_key_id})

    def _documents(self, query: Select[Any], values: Mapping[str, Any]) -> list[Document]:
        return DOCUMENT.first_intact(self._work, self._work.skip_locked(query, document), values)

    def _find_over(
        self, query: _Paged, values: Mapping[str, Any], now: datetime, limit: int, *, early: bool | None = None
    ) -> list[Share]:
        """Return shares of a query that are proven to be over. The others do not count towards the limit."""
        rows, place = self._page(query, values, None, limit)
        found = self._ends.over(rows, now, early=early)
        while place is not None and len(found) < limit:
            rows, place = self._page(query, values, place, limit)
            found += self._ends.over(rows, now, early=early)
        return found[:limit]

    def _page(
        self, query: _Paged, values: Mapping[str, Any], after: PatrolPlace | None, limit: int
    ) -> tuple[Sequence[Row[Any]], PatrolPlace | None]:
        """Return the rows after a place, and the place of the last one if there may be more."""
        bounds = dict(zip(("end", "id"), after, strict=True)) if after else {}
        rows = self._rows(query.after if after else query.first, share, {"most": limit, **values, **bounds})
        return rows, (getattr(rows[-1], query.by), rows[-1].id) if len(rows) == limit else None

    def _shares(self, query: Select[Any], values: Mapping[str, Any]) -> list[Share]:
        return SHARE.all(self._rows(query, share, {**values, **self._work.held}))

    def _rows(self, query: Select[Any], table: Table, values: Mapping[str, Any]) -> Any:
        return self._work.rows(self._work.skip_locked(query, table), values)
