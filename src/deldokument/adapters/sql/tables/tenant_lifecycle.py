"""A tenant's life cycle: assessments with their files, activation and offboarding, and deletion."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Date, ForeignKey, Index, Table

from deldokument.adapters.sql.column_types import EnumText, StoredBigInteger, StoredText, UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata, primary, reference, sealed
from deldokument.domain.impact_assessment import ResidualRisk

impact_assessment = Table(
    "impact_assessment",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    Column("done_on", Date, nullable=False),
    Column("risk", EnumText(ResidualRisk), nullable=False),
    Column("consulted", Boolean, nullable=False),
    Column("recorded_at", UtcMicros, nullable=False),
    sealed("sealed_assessor"),
    sealed("sealed_role"),
    sealed("sealed_recorder"),
    Column("media_type", StoredText, nullable=False),
    Column("length", StoredBigInteger, nullable=False),
    sealed("sealed_file_name"),
    CheckConstraint("risk IN ('low', 'medium', 'high')", "risk"),
    CheckConstraint("risk <> 'high' OR consulted", "consulted"),
    CheckConstraint("(media_type = '') = (length = 0)", "file"),
    Index(None, "tenant_id", "recorded_at", "id"),
)

# In a table of its own, so that no list of assessments reads the files.
assessment_file = Table(
    "assessment_file",
    metadata,
    Column("assessment_id", Id, ForeignKey("impact_assessment.id"), primary_key=True),
    sealed("sealed_file"),
)

tenure = Table(
    "tenure",
    metadata,
    Column("tenant_id", Id, ForeignKey("tenant.id"), primary_key=True),
    sealed("sealed_activated_by"),
    sealed("sealed_ended_by"),
    Column("contents_deleted_at", UtcMicros),
    Column("names_erased_at", UtcMicros),
    CheckConstraint("names_erased_at IS NULL OR contents_deleted_at IS NOT NULL", "order"),
)
