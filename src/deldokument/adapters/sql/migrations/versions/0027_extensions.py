"""Extensions that wait for approval, unset for existing shares, and indexes for these and for the bytes of an account.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision: str | None = "0026"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0026."""
    op.add_column("share", sa.Column("extension_until", sa.BigInteger()))
    op.add_column("share", sa.Column("extension_by", Id))
    for name, columns, where in (
        ("ix_share_bytes", ["account_id", "erased_at", "byte_count"], sa.text("key_destroyed_at IS NULL")),
        (
            "ix_share_extension",
            ["account_id", "expires_at"],
            sa.text("state = 'available' AND extension_until IS NOT NULL"),
        ),
    ):
        op.create_index(name, "share", columns, postgresql_where=where, sqlite_where=where)
