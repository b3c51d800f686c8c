"""Deadline and person for undoing the discarding of a draft.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision: str | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0020."""
    op.add_column("share", sa.Column("undo_until", sa.BigInteger()))
    op.add_column("share", sa.Column("undo_by", Id))
