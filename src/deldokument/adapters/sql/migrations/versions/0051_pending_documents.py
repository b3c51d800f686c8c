"""Documents that are uploaded beside a published share, and are not part of it yet.

NULL in existing rows. An earlier version writes no such rows, and runs no more when this one does
(services.shares.additions).

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision: str | None = "0050"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0050."""
    op.add_column("document", sa.Column("pending_since", sa.BigInteger()))
    is_pending = sa.text("pending_since IS NOT NULL")
    op.create_index(
        "ix_document_pending", "document", ["share_id"], postgresql_where=is_pending, sqlite_where=is_pending
    )
