"""Tags of documents, which bind them to their shares, and of addresses, which bind them to their persons.

Both are NULL in existing rows, and in rows that version 0.2.0 writes while it runs beside this one.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision: str | None = "0029"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0029."""
    for table in ("document", "notice_address"):
        op.add_column(table, sa.Column("tag", sa.LargeBinary()))
