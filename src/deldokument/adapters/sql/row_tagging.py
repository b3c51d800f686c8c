"""Tags and cards for rows that a version before 0.3.0 has written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, delete, func, select

from deldokument.adapters.sql.authenticated_rows import EVERY_TAG, RowTags
from deldokument.adapters.sql.column_types import FirstDetail
from deldokument.adapters.sql.event_rows import event_of
from deldokument.adapters.sql.expressions import InList
from deldokument.adapters.sql.share_cards import CARD_COLUMNS, ShareCards
from deldokument.adapters.sql.statements import RowMapper, Statements, batches, param
from deldokument.adapters.sql.tables.audit import about_row, audit_event
from deldokument.adapters.sql.tables.doubtful_rows import doubtful_row
from deldokument.adapters.sql.tables.shares import document, is_unerased, recipient, share
from deldokument.adapters.sql.tables.tenancy import is_living, member
from deldokument.crypto.share_cards import SHARE_KIND
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.row_evidence import SHARE_EVENTS, TENANT_EVENTS
from deldokument.domain.share import Recipient
from deldokument.ports.repositories.row_tagging import DoubtfulRow, RowSlice, StoredRow

_TAGS = {tags.kind: tags for tags in EVERY_TAG}
_DOUBT = RowMapper(DoubtfulRow, doubtful_row)

_in_order = select(audit_event, about_row.label("about")).order_by(audit_event.c.chain, audit_event.c.number)
_is_share_event, _is_tenant_event = (
    audit_event.c.kind.in_([kind.value for kind in kinds]) for kinds in (SHARE_EVENTS, TENANT_EVENTS)
)
_of_shares = _in_order.where(InList(audit_event.c.share_id, "keys"), _is_share_event)
_of_tenants = _in_order.where(InList(audit_event.c.chain, "keys"), _is_tenant_event)
_of_documents = (
    select(audit_event, document.c.id.label("about"))
    .join(document, document.c.share_id == audit_event.c.share_id)
    .where(InList(document.c.id, "keys"), audit_event.c.kind == EventKind.DOCUMENT_COMPLETED.value)
    .where(FirstDetail(audit_event.c.details, ("document",)) == document.c.id)
)
_of_rows = _in_order.where(InList(about_row, "keys"))
_memberships = select(member.c.account_id, member.c.lookup_hash).where(InList(member.c.lookup_hash, "hashes"))
_shares_of_documents = select(document.c.id, document.c.share_id).where(InList(document.c.id, "keys"))
_living_memberships = _memberships.where(is_living)
_doubts = select(*_DOUBT.columns).order_by(doubtful_row.c.kind, doubtful_row.c.id).limit(param("most"))
_listed = select(doubtful_row.c.id).where(doubtful_row.c.kind == param("of"), InList(doubtful_row.c.id, "keys"))
_count_doubts = select(func.count()).select_from(doubtful_row)
_remove_doubts = delete(doubtful_row).where(doubtful_row.c.kind == param("of"), InList(doubtful_row.c.id, "keys"))


class SqlRowTagging:
    """The port ports.repositories.row_tagging.RowTagging in SQL."""

    def __init__(self, work: Statements, cards: ShareCards) -> None:
        self._work = work
        self._cards = cards

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of authenticated rows, those first that others refer to."""
        return (*_TAGS, SHARE_KIND)

    def look(self, kind: str, after: str, limit: int) -> RowSlice:
        """Return the next rows."""
        table, query = _query(kind)
        query = query.where(table.c.id > param("after")).order_by(table.c.id).limit(param("most"))
        rows = self._work.rows(query, {"after": after, "most": limit})
        return RowSlice(tuple(self._stored(kind, row) for row in rows), rows[-1].id if len(rows) == limit else None)

    def lock(self, kind: str, row_ids: Collection[str]) -> list[StoredRow]:
        """Return the rows that no other transaction holds, locked."""
        table, query = _query(kind)
        found = list[StoredRow]()
        for batch in batches(row_ids):
            # Locked first, then read: a statement that takes a lock sees other tables as of before.
            ids = self._work.skip_locked(select(table.c.id).where(_these(table)), table)
            free = [row.id for row in self._work.rows(ids, {"keys": batch})]
            rows = self._work.rows(query.where(_these(table)), {"keys": free}) if free else []
            found += [self._stored(kind, row) for row in rows]
        return found

    def events_about(self, kind: str, row_ids: Collection[str]) -> dict[str, list[AuditEvent]]:
        """Return the events about the rows, each by an index."""
        match kind:
            case "share":
                query, name = _of_shares, "share_id"
            case "tenant":
                query, name = _of_tenants, "chain"
            case "document":
                query, name = _of_documents, "about"
            case "upload" | "notice_address":
                return {}  # No event is about one.
            case _:
                query, name = _of_rows, "about"
        found = defaultdict[str, list[AuditEvent]](list)
        for row in self._work.batched(query, "keys", row_ids):
            found[row._mapping[name]].append(event_of(row))
        return found

    def memberships(self, lookup_hashes: Collection[bytes]) -> set[tuple[str, bytes]]:
        """Return account and hash of members: of living ones by an index, of others only if one has no living one."""
        living = self._work.batched(_living_memberships, "hashes", lookup_hashes)
        missing = set(lookup_hashes) - {row.lookup_hash for row in living}
        others = self._work.batched(_memberships, "hashes", missing)
        return {(row.account_id, row.lookup_hash) for row in (*living, *others)}

    def shares_of_documents(self, document_ids: Collection[str]) -> dict[str, str]:
        """Return the share of each document that exists, in one query."""
        return {row.id: row.share_id for row in self._work.batched(_shares_of_documents, "keys", document_ids)}

    def tag(self, kind: str, rows: Collection[StoredRow]) -> None:
        """Give locked rows tags or cards for their values."""
        self._write(kind, {row.id: self._seal_of(kind, row.values) for row in rows})

    def untag(self, kind: str, row_ids: Collection[str]) -> None:
        """Remove the rows' tags or cards."""
        self._write(kind, dict.fromkeys(row_ids))

    def _write(self, kind: str, tags: Mapping[str, bytes | None]) -> None:
        table, _ = _query(kind)
        self._work.update_each(table, {row_id: {_column(kind): tag} for row_id, tag in tags.items()})

    def set_role_hashes(self, kind: str, hashes: Mapping[str, bytes]) -> None:
        """Store role hashes."""
        table, _ = _query(kind)
        self._work.update_each(table, {row_id: {"role_hash": found} for row_id, found in hashes.items()})

    def set_grants(self, recipients: Sequence[Recipient]) -> None:
        """Store the recipients' grants."""
        columns = ("sealed_grant", "sealed_audit_grant")
        self._work.update_each(
            recipient, {one.id: {name: getattr(one, name) for name in columns} for one in recipients}
        )

    def add_doubt(self, row: DoubtfulRow) -> bool:
        """List a row, unless it is listed."""
        return self._work.insert_once(doubtful_row, _DOUBT.values(row))

    def remove_doubts(self, kind: str, row_ids: Collection[str]) -> None:
        """Remove rows from the list."""
        for batch in batches(row_ids):
            self._work.run(_remove_doubts, {"of": kind, "keys": batch})

    def listed(self, kind: str, row_ids: Collection[str]) -> set[str]:
        """Return the ids that are listed."""
        return {row.id for row in self._work.batched(_listed, "keys", row_ids, of=kind)}

    def doubts(self, limit: int) -> list[DoubtfulRow]:
        """Return the listed rows."""
        return _DOUBT.all(self._work.rows(_doubts, {"most": limit}))

    def count_doubts(self) -> int:
        """Count the listed rows."""
        return int(self._work.rows(_count_doubts)[0][0])

    def count_bare(self, at_most: int) -> int:
        """Count the rows without any tag or card."""
        return sum(int(self._work.rows(_bare(kind), {"most": at_most})[0][0]) for kind in self.kinds())

    def _stored(self, kind: str, row: Row[Any]) -> StoredRow:
        values = row._asdict()
        has_tag = values[_column(kind)] is not None
        return StoredRow(row.id, values, has_tag and self._is_intact(kind, row, values), has_tag)

    def _is_intact(self, kind: str, row: Row[Any], values: Mapping[str, Any]) -> bool:
        if kind == SHARE_KIND:
            return self._cards.is_intact(row)
        return _TAGS[kind].fits(self._work, values, values["tag"])

    def _seal_of(self, kind: str, values: Mapping[str, Any]) -> bytes:
        return self._cards.card_of(values) if kind == SHARE_KIND else _TAGS[kind].tag(self._work, values)


def _query(kind: str) -> tuple[Table, Select[Any]]:
    if kind == SHARE_KIND:
        return share, select(*CARD_COLUMNS).where(is_unerased)
    tags: RowTags = _TAGS[kind]
    return tags.table, select(*tags.table.c)


def _column(kind: str) -> str:
    return "card" if kind == SHARE_KIND else "tag"


def _bare(kind: str) -> Select[Any]:
    table, _ = _query(kind)
    missing = select(table.c.id).where(table.c[_column(kind)].is_(None))
    if kind == SHARE_KIND:
        missing = missing.where(is_unerased)
    return select(func.count()).select_from(missing.limit(param("most")).subquery())


def _these(table: Table) -> ColumnElement[bool]:
    return InList(table.c.id, "keys")
