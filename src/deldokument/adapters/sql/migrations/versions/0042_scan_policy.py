"""Scan policy: what a tenant makes stricter, and the sealed decision to release a held document.

Empty in existing rows, and in rows that an earlier version writes while it runs beside this one. Empty means: the
operator's policy applies, and nobody has decided.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision: str | None = "0041"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0041."""
    op.add_column("tenant", sa.Column("scan_policy", sa.Text(), nullable=False, server_default=""))
    op.add_column("document", sa.Column("sealed_release", sa.LargeBinary()))
