"""Rule of accounts: how long a publication on the pages can be undone.

NULL: the operator's default, also for accounts of an earlier version that runs beside this one.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision: str | None = "0048"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0048."""
    op.add_column("account", sa.Column("undo_window", sa.BigInteger()))
