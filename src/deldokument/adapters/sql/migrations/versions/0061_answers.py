"""The share whose recipients asked for a new one, of each draft that is made for them; and who may ask.

An earlier version leaves the column empty. It records the requests as answered when the draft is begun.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision: str | None = "0060"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0060."""
    op.add_column("share", sa.Column("answers", Id))
    op.add_column("share", sa.Column("invites", sa.Boolean, nullable=False, server_default=sa.false()))
    where = sa.text("state = 'draft' AND answers IS NOT NULL")
    op.create_index("ix_share_answering", "share", ["answers"], postgresql_where=where, sqlite_where=where)
