"""Metadata of an upload, encrypted; unset for existing ones.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0022."""
    op.add_column("upload", sa.Column("sealed_metadata", sa.LargeBinary()))
