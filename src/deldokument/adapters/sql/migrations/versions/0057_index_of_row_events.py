"""The index of the events about a row that decides about access, with the kinds of events in its expression.

With twenty kinds in its condition, PostgreSQL compared each with each whenever it planned a query for such a row.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision: str | None = "0056"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

_ABOUT = ("webhook", "integration", "member", "administrator", "operator", "account")
_KINDS = (
    "account_created",
    "account_rules_changed",
    "account_closed",
    "account_reopened",
    "account_deleted",
    "account_deletion_undone",
    "account_ended",
    "account_frozen",
    "account_unfrozen",
    "integration_added",
    "integration_changed",
    "integration_removed",
    "webhook_added",
    "webhook_removed",
    "member_added",
    "member_removed",
    "member_erased",
    "administrator_added",
    "administrator_removed",
    "operator_added",
    "operator_removed",
)


def upgrade() -> None:
    """Upgrade from 0056."""
    if op.get_bind().dialect.name == "postgresql":
        details = [f"((details)::jsonb ->> '{name}')" for name in _ABOUT]
    else:
        details = [f"json_extract(details, '$.' || '{name}')" for name in _ABOUT]
    kinds = ", ".join(repr(kind) for kind in _KINDS)
    about = f"CASE WHEN (kind IN ({kinds})) THEN coalesce({', '.join(details)}) END"
    where = sa.text(f"{about} IS NOT NULL")
    op.drop_index("ix_audit_event_about", "audit_event")
    op.create_index(
        "ix_audit_event_about", "audit_event", [sa.text(f"({about})")], postgresql_where=where, sqlite_where=where
    )
