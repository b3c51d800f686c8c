"""The order of a notice, so that one message covers several shares.

An earlier version leaves the column empty, and sends each reminder on its own.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision: str | None = "0058"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0058."""
    op.add_column("outbox", sa.Column("order_id", Id))
    where = sa.text("order_id IS NOT NULL")
    op.create_index("ix_outbox_order_id", "outbox", ["order_id"], postgresql_where=where, sqlite_where=where)
