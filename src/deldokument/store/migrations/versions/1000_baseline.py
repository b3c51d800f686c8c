"""The tables of version 1.0.0; ``1000_baseline.sql`` describes them for both databases.

Frozen once 1.0.0 is released: imports nothing of the program.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "1000"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

_ON_SQLITE = {
    "id": "TEXT",
    "bytes": "BLOB",
    "big": "INTEGER",
    "boolean": "INTEGER",
    "date": "TEXT",
    "true": "1",
    "false": "0",
    "strict": " STRICT",
}
_ON_POSTGRES = {
    "id": 'TEXT COLLATE "C"',
    "bytes": "BYTEA",
    "big": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "true": "true",
    "false": "false",
    "strict": "",
}
_ABOUT = ("webhook", "integration", "member", "administrator", "operator", "account")
_APPEND_ONLY = {
    "audit_event": "chain = NEW.chain AND number = NEW.number",
    "audit_checkpoint": "chain = NEW.chain AND number = NEW.number",
    # The same certificate may be stored again.
    "audit_certificate": "fingerprint = NEW.fingerprint AND certificate IS NOT NEW.certificate",
}
"""Tables of the audit trail, with the rows that a new one would replace."""


def upgrade() -> None:
    """Create the tables in an empty database."""
    for statement in _statements():
        op.execute(statement)
    if _is_postgres():
        _append_only_on_postgres()
    else:
        _append_only_on_sqlite()
    deployment = sa.table("deployment", sa.column("singleton"), sa.column("id"))
    op.bulk_insert(deployment, [{"singleton": 1, "id": secrets.token_urlsafe(16)}])


def _statements() -> list[str]:
    if _is_postgres():
        details = [f"((details)::jsonb ->> '{name}')" for name in _ABOUT]
    else:
        details = [f"json_extract(details, '$.' || '{name}')" for name in _ABOUT]
    words = (_ON_POSTGRES if _is_postgres() else _ON_SQLITE) | {"about": ", ".join(details)}
    return Path(__file__).with_suffix(".sql").read_text("utf-8").format_map(words).strip().split(";\n")


def _append_only_on_postgres() -> None:
    """Create triggers that refuse changes and removals of rows of the audit trail."""
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _append_only_on_sqlite() -> None:
    """Create the same triggers. One also refuses `INSERT OR REPLACE`, which does not fire a trigger for DELETE."""
    for table, replaced in _APPEND_ONLY.items():
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        same = f"SELECT 1 FROM {table} WHERE rowid = NEW.rowid OR {replaced}"  # noqa: S608
        op.execute(
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS ({same}) "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _is_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"
