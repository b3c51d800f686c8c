"""What sent notices cost: cost code and text messages of each, and counts by account and month.

Notices that were sent earlier, or by an earlier version that runs beside this one, are not counted.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision: str | None = "0040"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0040."""
    op.add_column("outbox", sa.Column("cost_code", sa.Text(), nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("messages", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "notice_count",
        sa.Column("id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("cost_code", sa.Text(), nullable=False),
        sa.Column("notices", sa.Integer(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_notice_count_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notice_count"),
    )
    op.create_index("ix_notice_count_account_id_month", "notice_count", ["account_id", "month"])
