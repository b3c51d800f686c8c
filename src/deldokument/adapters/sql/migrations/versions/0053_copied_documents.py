"""Documents that a worker copies from another share: the source, the claim, and why a copy has failed.

NULL in existing rows. An earlier version copies nothing, and does not publish a draft with an unfinished document.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision: str | None = "0051"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0050."""
    op.add_column("upload", sa.Column("sealed_source", sa.LargeBinary()))
    op.add_column("upload", sa.Column("copy_failure", sa.Text()))
    op.add_column("upload", sa.Column("copying_until", sa.BigInteger()))
    is_copying = sa.text("sealed_source IS NOT NULL AND finished_at IS NULL")
    op.create_index("ix_upload_copying", "upload", ["deadline"], postgresql_where=is_copying, sqlite_where=is_copying)
