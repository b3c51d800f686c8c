"""Agreements: published texts, signed agreements with their documents, and signing intents.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Upgrade from 0004."""
    _texts()
    _agreements()
    _papers()
    _intents()


def _texts() -> None:
    op.create_table(
        "published_text",
        _words("kind"),
        _words("version"),
        _instant("published_at"),
        _bytes("sealed_publisher"),
        sa.PrimaryKeyConstraint("kind", "version", name="pk_published_text"),
        sa.CheckConstraint(
            "kind IN ('hovedavtale', 'tjenesteavtale', 'dpia', 'ros')",
            name="ck_published_text_kind",
        ),
    )


def _agreements() -> None:
    op.create_table(
        "main_agreement",
        _id("id"),
        _id("tenant_id"),
        _words("version"),
        sa.Column("signed_on", sa.Date(), nullable=False),
        _instant("recorded_at"),
        _words("sha256"),
        sa.Column("length", sa.BigInteger(), nullable=False),
        _bytes("sealed_signer"),
        sa.PrimaryKeyConstraint("id", name="pk_main_agreement"),
        _reference("main_agreement", "tenant_id", "tenant"),
        sa.CheckConstraint("length > 0", name="ck_main_agreement_length"),
    )
    op.create_index("ix_main_agreement_tenant_id_recorded_at_id", "main_agreement", ["tenant_id", "recorded_at", "id"])
    op.create_table(
        "service_agreement",
        _id("id"),
        _id("tenant_id"),
        *(_words(name) for name in ("version", "organization_number", "organization_name")),
        _instant("signed_at"),
        *(_words(name) for name in ("text_sha256", "document_sha256")),
        *(_bytes(name) for name in ("sealed_signer", "sealed_evidence")),
        sa.PrimaryKeyConstraint("id", name="pk_service_agreement"),
        _reference("service_agreement", "tenant_id", "tenant"),
        sa.UniqueConstraint("tenant_id", "version", name="uq_service_agreement_tenant_id_version"),
    )


def _papers() -> None:
    op.create_table(
        "main_agreement_paper",
        _id("agreement_id"),
        _bytes("sealed_pdf"),
        sa.PrimaryKeyConstraint("agreement_id", name="pk_main_agreement_paper"),
        _reference("main_agreement_paper", "agreement_id", "main_agreement"),
    )
    op.create_table(
        "service_agreement_paper",
        _id("agreement_id"),
        _words("markdown"),
        *(_bytes(name) for name in ("sealed_document", "sealed_pdf")),
        sa.PrimaryKeyConstraint("agreement_id", name="pk_service_agreement_paper"),
        _reference("service_agreement_paper", "agreement_id", "service_agreement"),
    )


def _intents() -> None:
    op.create_table(
        "signing_intent",
        _id("id"),
        _id("tenant_id"),
        _bytes("session_hash"),
        *(_words(name) for name in ("version", "text_sha256", "document_sha256")),
        _bytes("sealed_role"),
        _instant("created_at"),
        sa.Column("state", Id),
        *(sa.Column(name, sa.Text()) for name in ("nonce", "code_verifier", "salt")),
        *(sa.Column(name, sa.BigInteger()) for name in ("begun_at", "taken_at")),
        _words("outcome"),
        sa.PrimaryKeyConstraint("id", name="pk_signing_intent"),
        _reference("signing_intent", "tenant_id", "tenant"),
        sa.UniqueConstraint("state", name="uq_signing_intent_state"),
        sa.CheckConstraint("outcome = '' OR taken_at IS NOT NULL", name="ck_signing_intent_order"),
        sa.CheckConstraint("taken_at IS NULL OR begun_at IS NOT NULL", name="ck_signing_intent_login"),
    )
    op.create_index("ix_signing_intent_created_at", "signing_intent", ["created_at"])


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, Id, nullable=False)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _instant(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")
