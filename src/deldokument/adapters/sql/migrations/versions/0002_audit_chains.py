"""One hash chain per tenant in the audit trail, with checkpoints.

Verifies the previous single chain from its beginning, and writes each event to its tenant's chain. A chain
that fails verification is not rewritten, because that would hide the tampering. Frozen: describes the tables
as of this revision and imports nothing of the program.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_STEP = 1000
_GENESIS = bytes(32)
_NO_TENANT = "-"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_before = sa.table(
    "audit_event_before",
    *(sa.column(name) for name in ("sequence", "at", "kind", "tenant_id", "share_id", "subject_id", "details", "hash")),
)
_event = sa.table(
    "audit_event",
    *(sa.column(name) for name in ("chain", "number", "at", "kind", "share_id", "subject_id", "details")),
    *(sa.column(name, sa.LargeBinary) for name in ("previous", "hash")),
)
_head = sa.table("audit_head", sa.column("chain"), sa.column("number"), sa.column("hash", sa.LargeBinary))


class AuditTrailDoesNotHold(sa.exc.SQLAlchemyError):
    """The trail was already tampered with: see the report of the previous program version (`audit verify`)."""


def upgrade() -> None:
    """Upgrade from 0001."""
    [old_head] = op.get_bind().execute(sa.text("SELECT sequence, hash FROM audit_head")).all()
    _put_aside()
    _tables()
    heads: dict[str, tuple[int, bytes]] = {}
    if _relinked(heads) != (old_head.sequence, bytes(old_head.hash)):
        raise AuditTrailDoesNotHold
    if heads:
        op.bulk_insert(_head, [{"chain": c, "number": n, "hash": h} for c, (n, h) in heads.items()])
    op.drop_table("audit_event_before")
    _indexes()
    _append_only("audit_event", "audit_seal", "audit_certificate")


def _put_aside() -> None:
    """Rename the old table, and free the names that the new tables use."""
    if _is_postgres():
        op.execute("DROP TRIGGER audit_event_append_only ON audit_event")
    else:
        op.execute("DROP TRIGGER audit_event_no_update")
        op.execute("DROP TRIGGER audit_event_no_delete")
    op.drop_index("ix_audit_event_share_id_sequence", "audit_event")
    op.rename_table("audit_event", "audit_event_before")
    if _is_postgres():
        op.execute("ALTER TABLE audit_event_before RENAME CONSTRAINT pk_audit_event TO pk_audit_event_before")
    op.drop_table("audit_head")


def _tables() -> None:
    op.create_table(
        "audit_event",
        sa.Column("chain", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("share_id", Id),
        sa.Column("subject_id", Id),
        sa.Column("details", sa.Text()),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(previous) = 32 AND length(hash) = 32", name="ck_audit_event_hash"),
        sa.CheckConstraint("number > 0", name="ck_audit_event_number"),
        sa.PrimaryKeyConstraint("chain", "number", name="pk_audit_event"),
    )
    op.create_table(
        "audit_head",
        sa.Column("chain", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name="pk_audit_head"),
    )
    op.create_table(
        "audit_seal",
        sa.Column("chain", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.Column("certificate", Id, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number", name="pk_audit_seal"),
    )
    op.create_table(
        "audit_certificate",
        sa.Column("fingerprint", Id, nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_audit_certificate"),
    )


def _relinked(heads: dict[str, tuple[int, bytes]]) -> tuple[int, bytes]:
    """Write every event to its chain, and return the head of the old chain as computed."""
    sequence, old = 0, _GENESIS
    for rows in _steps():
        moved = []
        for row in rows:
            sequence, old = sequence + 1, _old_link(row, old)
            if (row.sequence, bytes(row.hash)) != (sequence, old):
                raise AuditTrailDoesNotHold
            moved.append(_moved(row, heads))
        op.bulk_insert(_event, moved)
    return sequence, old


def _steps() -> Iterator[Sequence[sa.Row[Any]]]:
    after = 0
    query = sa.select(_before).order_by(_before.c.sequence).limit(_STEP)
    while rows := op.get_bind().execute(query.where(_before.c.sequence > after)).all():
        yield rows
        after = rows[-1].sequence


def _moved(row: sa.Row[Any], heads: dict[str, tuple[int, bytes]]) -> dict[str, Any]:
    chain = row.tenant_id or _NO_TENANT
    last, previous = heads.get(chain, (0, _GENESIS))
    said = [_said_at(row), row.kind, row.share_id, row.subject_id, _details(row)]
    heads[chain] = (last + 1, _hash(previous, [chain, last + 1, *said]))
    return {
        "chain": chain,
        "number": last + 1,
        "at": row.at,
        "kind": row.kind,
        "share_id": row.share_id,
        "subject_id": row.subject_id,
        "details": row.details,
        "previous": previous,
        "hash": heads[chain][1],
    }


def _old_link(row: sa.Row[Any], previous: bytes) -> bytes:
    said = [_said_at(row), row.kind, row.tenant_id, row.share_id, row.subject_id, _details(row)]
    return _hash(previous, said)


def _said_at(row: sa.Row[Any]) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=row.at)).isoformat(timespec="microseconds")
    except OverflowError:
        raise AuditTrailDoesNotHold from None


def _details(row: sa.Row[Any]) -> Any:
    try:
        return json.loads(row.details) if row.details else {}
    except ValueError:
        raise AuditTrailDoesNotHold from None


def _hash(previous: bytes, body: list[Any]) -> bytes:
    text = json.dumps(body, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + text.encode("ascii")).digest()


def _indexes() -> None:
    for columns in (
        ["chain", "at", "number"],
        ["chain", "kind", "at", "number"],
        ["share_id", "at", "number"],
        ["subject_id", "at", "number"],
    ):
        op.create_index(f"ix_audit_event_{'_'.join(columns)}", "audit_event", columns)


def _append_only(*tables: str) -> None:
    """Have the database itself refuse to change or remove rows."""
    if _is_postgres():
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
    for table in tables:
        if _is_postgres():
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"
