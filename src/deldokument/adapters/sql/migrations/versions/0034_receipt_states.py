"""Receipts: whether the person's own machine acknowledged the bytes, and when the person confirmed them.

Existing receipts were counted before acknowledgements, and nobody has confirmed them.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision: str | None = "0032"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0032."""
    op.add_column("receipt", sa.Column("direct", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("receipt", sa.Column("confirmed_at", sa.BigInteger()))
    op.add_column("share", sa.Column("received_at", sa.BigInteger()))
