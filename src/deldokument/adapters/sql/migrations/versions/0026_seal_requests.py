"""Requests to the worker's seal, and its certificate.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0025."""
    op.create_table(
        "seal_status",
        sa.Column("singleton", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.CheckConstraint("singleton = 1", name="ck_seal_status_one_row"),
        sa.PrimaryKeyConstraint("singleton", name="pk_seal_status"),
    )
    names = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "seal_request",
        sa.Column("id", names, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_answer", sa.LargeBinary()),
        sa.Column("fault", sa.Text(), nullable=False, server_default=""),
        sa.CheckConstraint("kind IN ('pdf', 'export')", name="ck_seal_request_kind"),
        sa.PrimaryKeyConstraint("id", name="pk_seal_request"),
    )
    op.create_index("ix_seal_request_at", "seal_request", ["at"])
