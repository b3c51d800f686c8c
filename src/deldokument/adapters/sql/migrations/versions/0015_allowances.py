"""State shared by the nodes of a deployment: rate limits of API consumers, and leases of inspections.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0014."""
    op.create_table(
        "allowance",
        sa.Column("consumer", Id, nullable=False),
        sa.Column("spent_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", name="pk_allowance"),
    )
    op.add_column("document", sa.Column("inspecting_until", sa.BigInteger()))
