"""The audit trail: hash chains of events with their heads and checkpoints, and the erasable subjects."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata, partial, primary, sealed

# No foreign keys in these tables: the events stay when the rows that they refer to are erased.

audit_event = Table(
    "audit_event",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", UtcMicros, nullable=False),
    Column("kind", Text, nullable=False),
    Column("share_id", Id),
    Column("subject_id", Id),
    Column("details", Text),
    Column("previous", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # The same as in the details, for an index; verification compares them.
    Column("revision", Integer),
    CheckConstraint("number > 0", "number"),
    CheckConstraint("length(previous) = 32 AND length(hash) = 32", "hash"),
    Index(None, "chain", "at", "number"),
    Index(None, "chain", "kind", "at", "number"),
    Index(None, "share_id", "at", "number"),
    Index(None, "subject_id", "at", "number"),
)

has_revision = audit_event.c.revision.is_not(None)
partial("ix_audit_event_revision", has_revision, audit_event.c.share_id, audit_event.c.revision)
is_damage = audit_event.c.kind == literal_column("'row_damaged'")
partial("ix_audit_event_damage", is_damage, audit_event.c.details)

audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

audit_seal = Table(
    "audit_seal",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("sealed_at", UtcMicros, nullable=False),
    Column("certificate", Id, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

audit_certificate = Table(
    "audit_certificate",
    metadata,
    Column("fingerprint", Id, primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
)

audit_subject = Table(
    "audit_subject",
    metadata,
    primary(),
    Column("audit_key_id", Id, nullable=False),
    Column("lookup_hash", LargeBinary, nullable=False),
    sealed("sealed_identifier"),
    UniqueConstraint("audit_key_id", "lookup_hash"),
)
