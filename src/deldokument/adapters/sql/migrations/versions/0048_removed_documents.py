"""Documents removed after publication: what their receipts refer to.

An earlier version, which runs beside this one during an upgrade, no longer finds the document.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision: str | None = "0046"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0046."""
    op.create_table(
        "removed_document",
        sa.Column("id", Id, nullable=False),
        sa.Column("share_id", Id, nullable=False),
        sa.Column("sealed_name", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_removed_document"),
        sa.ForeignKeyConstraint(["share_id"], ["share.id"], name="fk_removed_document_share_id"),
    )
    op.create_index("ix_removed_document_share_id", "removed_document", ["share_id"])
