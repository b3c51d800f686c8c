"""Progress of the orphan sweep, so that it can resume.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0015."""
    op.create_table(
        "sweep",
        sa.Column("singleton", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("horizon", sa.BigInteger(), nullable=False),
        sa.Column("deleting", sa.Boolean(), nullable=False),
        sa.Column("shelf", sa.Integer(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("orphans", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("singleton = 1", name="ck_sweep_one_row"),
        sa.PrimaryKeyConstraint("singleton", name="pk_sweep"),
    )
