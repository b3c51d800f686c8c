"""The audit trail: hash chains of events with their heads and checkpoints, and the erasable subjects."""

from collections.abc import Iterable

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Index,
    Table,
    UniqueConstraint,
    and_,
    case,
    literal_column,
)
from sqlalchemy.sql.elements import Grouping

from deldokument.domain.audit import REMOVALS, ROW_DETAILS, ROW_EVENTS, TENANT_ROW_EVENTS, EventKind
from deldokument.store.engine.column_types import (
    FirstDetail,
    StoredBigInteger,
    StoredBytes,
    StoredInteger,
    StoredText,
    UtcMicros,
)
from deldokument.store.engine.schema import Id, metadata, partial, primary, sealed, tag

# No foreign keys in these tables: the events stay when the rows that they refer to are erased.

audit_event = Table(
    "audit_event",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("number", StoredBigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcMicros, nullable=False),
    Column("kind", StoredText, nullable=False),
    Column("share_id", Id),
    Column("subject_id", Id),
    Column("details", StoredText),
    Column("previous", StoredBytes, nullable=False),
    Column("hash", StoredBytes, nullable=False),
    tag(),
    # The same value as in the details, for an index. Verification compares them.
    Column("revision", StoredInteger),
    CheckConstraint("number > 0", "number"),
    CheckConstraint("length(previous) = 32 AND length(hash) = 32", "hash"),
    CheckConstraint("length(tag) = 32", "tag"),
    Index(None, "chain", "at", "number"),
    Index(None, "chain", "kind", "at", "number"),
    Index(None, "share_id", "at", "number"),
    Index(None, "subject_id", "at", "number"),
)

has_revision = audit_event.c.revision.is_not(None)
partial("ix_audit_event_revision", has_revision, audit_event.c.share_id, audit_event.c.revision)
is_damage = audit_event.c.kind == literal_column("'row_damaged'")
partial("ix_audit_event_damage", is_damage, audit_event.c.details)


def _is_any_of(kinds: Iterable[EventKind]) -> ColumnElement[bool]:
    return audit_event.c.kind.in_([literal_column(f"'{kind.value}'") for kind in kinds])


about_row = case((_is_any_of(ROW_EVENTS), FirstDetail(audit_event.c.details, ROW_DETAILS)))
"""The id of the row that an event is about, or NULL: an expression, so that it needs no column of its own.

The kinds are in the expression. When they were in the index's condition, PostgreSQL compared each of them with each
kind of the query whenever it planned one, for 1.5 ms.
"""
_has_row = about_row.is_not(None)
Index("ix_audit_event_about", Grouping(about_row), postgresql_where=_has_row, sqlite_where=_has_row)
is_tenant_revision = and_(has_revision, _is_any_of(TENANT_ROW_EVENTS))
partial("ix_audit_event_tenant", is_tenant_revision, audit_event.c.chain, audit_event.c.revision)
is_removal = _is_any_of(REMOVALS)

audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("number", StoredBigInteger, nullable=False),
    Column("hash", StoredBytes, nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("number", StoredBigInteger, primary_key=True, autoincrement=False),
    Column("hash", StoredBytes, nullable=False),
    Column("signed_at", UtcMicros, nullable=False),
    Column("certificate", Id, nullable=False),
    Column("signature", StoredBytes, nullable=False),
)

audit_certificate = Table(
    "audit_certificate",
    metadata,
    Column("fingerprint", Id, primary_key=True),
    Column("certificate", StoredBytes, nullable=False),
)

audit_subject = Table(
    "audit_subject",
    metadata,
    primary(),
    Column("audit_key_id", Id, nullable=False),
    Column("lookup_hash", StoredBytes, nullable=False),
    sealed("sealed_identifier"),
    UniqueConstraint("audit_key_id", "lookup_hash"),
)
