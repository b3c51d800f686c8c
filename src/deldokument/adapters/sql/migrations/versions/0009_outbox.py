"""Transactional outbox with its cursors, and the setting for notifying recipients.

Each event chain counts as processed up to its head: no messages are planned for earlier events.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0008."""
    _messages()
    op.create_table(
        "outbox_cursor",
        sa.Column("chain", Id, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name="pk_outbox_cursor"),
    )
    op.execute("INSERT INTO outbox_cursor (chain, number) SELECT chain, number FROM audit_head")
    for table in ("account", "share"):
        op.add_column(table, sa.Column("notify", sa.Boolean(), nullable=False, server_default=sa.false()))


def _messages() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", Id, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("share_id", Id),
        sa.Column("target", Id, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("occasion", Id),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("given_up_at", sa.BigInteger()),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_outbox_tenant_id"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_outbox_share_id"),
        sa.UniqueConstraint("channel", "occasion", name="uq_outbox_channel_occasion"),
        sa.CheckConstraint("channel IN ('altinn', 'email', 'webhook')", name="ck_outbox_channel"),
        sa.CheckConstraint("sent_at IS NULL OR given_up_at IS NULL", name="ck_outbox_settled"),
    )
    op.create_index("ix_outbox_share_id", "outbox", ["share_id"])
    op.create_index("ix_outbox_channel_target_created_at_id", "outbox", ["channel", "target", "created_at", "id"])
    unsettled = sa.text("sent_at IS NULL AND given_up_at IS NULL")
    for name, columns in (
        ("ix_outbox_due", ["channel", "due_at", "id"]),
        ("ix_outbox_target_due", ["channel", "target", "due_at", "id"]),
    ):
        op.create_index(name, "outbox", columns, postgresql_where=unsettled, sqlite_where=unsettled)
