"""The time of a removed member's erasing, and the index that finds members due for it.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0006."""
    op.add_column("member", sa.Column("erased_at", sa.BigInteger()))
    predicate = sa.text("removed_at IS NOT NULL AND erased_at IS NULL")
    op.create_index("ix_member_removed", "member", ["removed_at"], postgresql_where=predicate, sqlite_where=predicate)
