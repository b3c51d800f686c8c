"""E-mail addresses for notifications, sealed, with each person's choice of notifications.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0009."""
    op.create_table(
        "notice_address",
        sa.Column("id", Id, nullable=False),
        sa.Column("lookup_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger()),
        sa.Column("sealed_unconfirmed", sa.LargeBinary(), nullable=False),
        sa.Column("challenge_id", Id, nullable=False),
        sa.Column("challenged_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.Column("codes_since", sa.BigInteger()),
        sa.Column("downloaded", sa.Boolean(), nullable=False),
        sa.Column("ending", sa.Boolean(), nullable=False),
        sa.Column("approval", sa.Boolean(), nullable=False),
        sa.Column("signature", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notice_address"),
        sa.UniqueConstraint("lookup_hash", name="uq_notice_address_lookup_hash"),
        sa.CheckConstraint("(confirmed_at IS NULL) = (length(sealed_address) = 0)", name="ck_notice_address_confirmed"),
        sa.CheckConstraint(
            "(challenged_at IS NULL) = (length(sealed_unconfirmed) = 0)", name="ck_notice_address_challenged"
        ),
        sa.CheckConstraint("language IN ('nb', 'nn', 'en')", name="ck_notice_address_language"),
    )
    predicate = sa.text("challenged_at IS NOT NULL")
    op.create_index(
        "ix_notice_address_challenged",
        "notice_address",
        ["challenged_at"],
        postgresql_where=predicate,
        sqlite_where=predicate,
    )
