"""What the nodes of a deployment share: how much each consumer of the API has called, and who inspects what.

Frozen: it says what the tables were on that day and imports nothing of the program.
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
    """From 0014."""
    op.create_table(
        "allowance",
        sa.Column("consumer", Id, nullable=False),
        sa.Column("spent_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", name="pk_allowance"),
    )
    op.add_column("document", sa.Column("inspecting_until", sa.BigInteger()))
