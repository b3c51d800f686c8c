"""Agreements: published texts, signed agreements with their documents, and signing intents."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from deldokument.adapters.sql.column_types import EnumText, StoredBigInteger, StoredBytes, StoredText, UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata, primary, reference, sealed
from deldokument.domain.agreement import AgreementKind

published_text = Table(
    "published_text",
    metadata,
    Column("kind", EnumText(AgreementKind), nullable=False),
    Column("version", StoredText, nullable=False),
    Column("published_at", UtcMicros, nullable=False),
    sealed("sealed_publisher"),
    PrimaryKeyConstraint("kind", "version"),
    CheckConstraint("kind IN ('hovedavtale', 'tjenesteavtale', 'dpia', 'ros')", "kind"),
)

main_agreement = Table(
    "main_agreement",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    Column("version", StoredText, nullable=False),
    Column("signed_on", Date, nullable=False),
    Column("recorded_at", UtcMicros, nullable=False),
    Column("sha256", StoredText, nullable=False),
    Column("length", StoredBigInteger, nullable=False),
    sealed("sealed_signer"),
    CheckConstraint("length > 0", "length"),
    Index(None, "tenant_id", "recorded_at", "id"),
)

service_agreement = Table(
    "service_agreement",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    Column("version", StoredText, nullable=False),
    Column("organization_number", StoredText, nullable=False),
    Column("organization_name", StoredText, nullable=False),
    Column("signed_at", UtcMicros, nullable=False),
    Column("text_sha256", StoredText, nullable=False),
    Column("document_sha256", StoredText, nullable=False),
    sealed("sealed_signer"),
    sealed("sealed_evidence"),
    UniqueConstraint("tenant_id", "version"),
)


# In tables of their own, so that no list of agreements reads the documents.
main_agreement_paper = Table(
    "main_agreement_paper",
    metadata,
    Column("agreement_id", Id, ForeignKey("main_agreement.id"), primary_key=True),
    sealed("sealed_pdf"),
)

service_agreement_paper = Table(
    "service_agreement_paper",
    metadata,
    Column("agreement_id", Id, ForeignKey("service_agreement.id"), primary_key=True),
    Column("markdown", StoredText, nullable=False),
    sealed("sealed_document"),
    sealed("sealed_pdf"),
)

signing_intent = Table(
    "signing_intent",
    metadata,
    primary(),
    reference("tenant_id", "tenant"),
    Column("session_hash", StoredBytes, nullable=False),
    Column("version", StoredText, nullable=False),
    Column("text_sha256", StoredText, nullable=False),
    Column("document_sha256", StoredText, nullable=False),
    sealed("sealed_role"),
    Column("created_at", UtcMicros, nullable=False, index=True),
    Column("state", Id, unique=True),
    Column("nonce", StoredText),
    Column("code_verifier", StoredText),
    Column("salt", StoredText),
    Column("begun_at", UtcMicros),
    Column("taken_at", UtcMicros),
    Column("outcome", StoredText, nullable=False),
    CheckConstraint("outcome = '' OR taken_at IS NOT NULL", "order"),
    CheckConstraint("taken_at IS NULL OR begun_at IS NOT NULL", "login"),
)
