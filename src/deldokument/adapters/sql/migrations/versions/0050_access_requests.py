"""Requests of recipients for more time or a new share, with their answers.

NULL in existing rows. An earlier version that writes a recipient leaves the columns as they are.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision: str | None = "0049"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0049."""
    op.add_column("recipient", sa.Column("requested_at", sa.BigInteger()))
    op.add_column("recipient", sa.Column("answered_at", sa.BigInteger()))
    op.add_column("recipient", sa.Column("sealed_refusal", sa.LargeBinary()))
    is_asking = sa.text("requested_at IS NOT NULL AND answered_at IS NULL AND removed_at IS NULL")
    op.create_index(
        "ix_recipient_asking", "recipient", ["share_id"], postgresql_where=is_asking, sqlite_where=is_asking
    )
