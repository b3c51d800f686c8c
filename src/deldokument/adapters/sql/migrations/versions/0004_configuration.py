"""Configuration by administrators: account rules, four eyes, freezing, deleting, integrations.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0003."""
    _add("tenant", _instant("frozen_at"), _instant("ended_at"))
    _add(
        "account",
        *(_empty(name) for name in ("contact_telephone", "contact_email", "contact_hours")),
        sa.Column("period_standard", sa.BigInteger()),
        sa.Column("period_longest", sa.BigInteger()),
        sa.Column("confidential", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("quota", sa.BigInteger()),
        sa.Column("four_eyes", sa.Boolean(), nullable=False, server_default=sa.false()),
        _empty("sms_sender"),
        _empty("sms_cost_code"),
        sa.Column("revision", sa.Integer(), nullable=False, server_default="1"),
        *(_instant(name) for name in ("closed_at", "deleted_at", "frozen_at", "ended_at")),
    )
    _add(
        "member",
        sa.Column("added_at", sa.BigInteger(), nullable=False, server_default="0"),
        _instant("used_at"),
    )
    _add("share", _instant("frozen_at"), sa.Column("proposed_by", Id))
    _partial("ix_member_account", "member", ["account_id", "added_at", "id"], "removed_at IS NULL")
    _partial("ix_account_deleted", "account", ["deleted_at"], "deleted_at IS NOT NULL AND ended_at IS NULL")
    _new_tables()


def _new_tables() -> None:
    op.create_table(
        "integration",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("organization_number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        _instant("removed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_integration"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_integration_account_id"),
    )
    living = ["account_id", "organization_number"]
    _partial("uq_integration_living", "integration", living, "removed_at IS NULL", unique=True)
    op.create_table(
        "operator",
        sa.Column("id", Id, nullable=False),
        sa.Column("lookup_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_identifier", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operator"),
        sa.UniqueConstraint("lookup_hash", name="uq_operator_lookup_hash"),
    )


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _instant(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger())


def _empty(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _partial(name: str, table: str, columns: Sequence[str], where: str, *, unique: bool = False) -> None:
    predicate = sa.text(where)
    op.create_index(name, table, columns, unique=unique, postgresql_where=predicate, sqlite_where=predicate)
