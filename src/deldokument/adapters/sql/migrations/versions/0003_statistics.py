"""Statistics of a share that outlive its erasing.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0002."""
    op.add_column("share", sa.Column("document_count", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("share", sa.Column("byte_count", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("share", sa.Column("opened_at", sa.BigInteger()))
    op.add_column("share", sa.Column("downloaded_at", sa.BigInteger()))
    # For shares that are already erased, these values are lost.
    op.execute("""
        UPDATE share SET
            document_count = (SELECT count(*) FROM document WHERE document.share_id = share.id),
            byte_count = (SELECT coalesce(sum(document.length), 0) FROM document WHERE document.share_id = share.id),
            opened_at = (SELECT min(receipt.first_at) FROM receipt WHERE receipt.share_id = share.id),
            downloaded_at = (SELECT min(receipt.completed_at) FROM receipt WHERE receipt.share_id = share.id)
        WHERE published_at IS NOT NULL AND erased_at IS NULL
    """)
    _partial("ix_share_account_published", ["account_id", "published_at"], "published_at IS NOT NULL")
    _partial("ix_share_tenant_published", ["tenant_id", "published_at"], "published_at IS NOT NULL")
    _partial("ix_share_kept", ["account_id", "state"], "key_destroyed_at IS NULL")


def _partial(name: str, columns: Sequence[str], where: str) -> None:
    predicate = sa.text(where)
    op.create_index(name, "share", columns, postgresql_where=predicate, sqlite_where=predicate)
