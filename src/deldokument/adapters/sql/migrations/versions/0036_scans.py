"""Malware scans: the sealed details of a document's scan, and when it is to be scanned again.

Both are NULL in existing rows, and in rows that an earlier version writes while it runs beside this one.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision: str | None = "0034"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0034."""
    op.add_column("document", sa.Column("sealed_scan", sa.LargeBinary()))
    op.add_column("document", sa.Column("rescan_at", sa.BigInteger()))
    where = sa.text("rescan_at IS NOT NULL")
    op.create_index("ix_document_rescan", "document", ["rescan_at"], postgresql_where=where, sqlite_where=where)
