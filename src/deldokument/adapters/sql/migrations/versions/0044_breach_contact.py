"""The tenant's contact for breaches of personal data security.

Empty in existing rows, and in rows that an earlier version writes while it runs beside this one.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision: str | None = "0042"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0042."""
    op.add_column("tenant", sa.Column("breach_contact", sa.Text(), nullable=False, server_default=""))
