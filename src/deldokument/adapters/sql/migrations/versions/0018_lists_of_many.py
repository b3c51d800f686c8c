"""Indexes for lists among very many shares: audit keys with available shares, and unread shares by end.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0017."""
    for name, columns, where in (
        ("ix_share_available_key", ["audit_key_id"], sa.text("state = 'available'")),
        (
            "ix_share_unread",
            ["account_id", "expires_at"],
            sa.text("state = 'available' AND downloaded_at IS NULL"),
        ),
    ):
        op.create_index(name, "share", columns, postgresql_where=where, sqlite_where=where)
