"""Recipients removed after publication: when, NULL for all others.

An earlier version, which runs beside this one during an upgrade, finds no recipient by the hash of a removed one.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision: str | None = "0036"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0036."""
    op.add_column("recipient", sa.Column("removed_at", sa.BigInteger()))
