"""Changes of published shares that wait for another member's approval; NULL for all others.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision: str | None = "0037"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0037."""
    op.add_column("share", sa.Column("sealed_change", sa.LargeBinary()))
    where = sa.text("state = 'available' AND sealed_change IS NOT NULL")
    op.create_index(
        "ix_share_change", "share", ["account_id", "expires_at"], postgresql_where=where, sqlite_where=where
    )
