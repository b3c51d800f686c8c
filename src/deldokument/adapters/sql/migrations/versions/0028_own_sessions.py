"""Owner and kept form of sessions, and the last download event of receipts; unset for existing ones.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision: str | None = "0027"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0027."""
    op.add_column("receipt", sa.Column("event_at", sa.BigInteger()))
    op.add_column("session", sa.Column("owner_hash", sa.LargeBinary()))
    op.add_column("session", sa.Column("sealed_form", sa.LargeBinary()))
    op.create_index("ix_session_owner_hash", "session", ["owner_hash"])
