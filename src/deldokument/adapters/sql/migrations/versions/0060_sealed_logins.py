"""Pending logins, encrypted for their state.

An earlier version does not write the column. Each version refuses a login that began on a node of the other.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision: str | None = "0059"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0059."""
    op.add_column("pending_login", sa.Column("sealed_login", sa.LargeBinary()))
