"""An index of the events about a row that decides about access, and the rows that no event supports.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision: str | None = "0030"
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
    """Upgrade from 0030."""
    if op.get_bind().dialect.name == "postgresql":
        details = [f"((details)::jsonb ->> '{name}')" for name in _ABOUT]
    else:
        details = [f"json_extract(details, '$.' || '{name}')" for name in _ABOUT]
    where = sa.text(f"kind IN ({', '.join(repr(kind) for kind in _KINDS)})")
    about = sa.text(f"coalesce({', '.join(details)})")
    op.create_index("ix_audit_event_about", "audit_event", [about], postgresql_where=where, sqlite_where=where)
    names = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "doubtful_row",
        sa.Column("kind", names, nullable=False),
        sa.Column("id", names, nullable=False),
        sa.Column("doubt", sa.Text(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name="pk_doubtful_row"),
    )
