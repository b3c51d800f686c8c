"""Time since which a tenant confirms that an integration archives its documents; unset for existing ones.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0021."""
    op.add_column("integration", sa.Column("archive_confirmed_at", sa.BigInteger()))
