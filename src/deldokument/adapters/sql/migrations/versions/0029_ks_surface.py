"""Exposure of a share to its own system, full numbers for an account's systems, and keys of encrypted uploads.

Existing shares are exposed to no system, and existing accounts return masked numbers.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision: str | None = "0028"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0028."""
    op.add_column("share", sa.Column("exposed_to", Id))
    op.add_column("account", sa.Column("full_numbers", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "exchange_key",
        sa.Column("id", Id, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed_pair", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_exchange_key"),
    )
