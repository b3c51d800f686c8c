"""Impact assessments, and who activated and ended the service for a tenant.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0005."""
    _assessments()
    _tenures()


def _assessments() -> None:
    op.create_table(
        "impact_assessment",
        sa.Column("id", Id, nullable=False),
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("done_on", sa.Date(), nullable=False),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("consulted", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("sealed_assessor", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_role", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_recorder", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("sealed_file_name", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_impact_assessment"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_impact_assessment_tenant_id"),
        sa.CheckConstraint("risk IN ('low', 'medium', 'high')", name="ck_impact_assessment_risk"),
        sa.CheckConstraint("risk <> 'high' OR consulted", name="ck_impact_assessment_consulted"),
        sa.CheckConstraint("(media_type = '') = (length = 0)", name="ck_impact_assessment_file"),
    )
    op.create_index(
        "ix_impact_assessment_tenant_id_recorded_at_id", "impact_assessment", ["tenant_id", "recorded_at", "id"]
    )
    op.create_table(
        "assessment_file",
        sa.Column("assessment_id", Id, nullable=False),
        sa.Column("sealed_file", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("assessment_id", name="pk_assessment_file"),
        sa.ForeignKeyConstraint(["assessment_id"], ["impact_assessment.id"], name="fk_assessment_file_assessment_id"),
    )


def _tenures() -> None:
    op.create_table(
        "tenure",
        sa.Column("tenant_id", Id, nullable=False),
        sa.Column("sealed_activated_by", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_ended_by", sa.LargeBinary(), nullable=False),
        *(_count(name) for name in ("accounts", "members", "drafts", "open_shares", "documents")),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        _count("destroyed_keys"),
        *(sa.Column(f"{name}_at", sa.BigInteger()) for name in ("keys_destroyed", "contents_deleted", "names_erased")),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenure"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_tenure_tenant_id"),
        sa.CheckConstraint("names_erased_at IS NULL OR contents_deleted_at IS NOT NULL", name="ck_tenure_order"),
    )


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)
