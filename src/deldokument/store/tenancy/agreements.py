"""Agreements in tables: published texts, signed agreements with their documents, and signing intents."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Row,
    Table,
    UniqueConstraint,
    and_,
    delete,
    insert,
    select,
    update,
)

from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import (
    MainAgreement,
    PublishedText,
    ServiceAgreement,
    SignedPaper,
    SigningIntent,
    SigningLogin,
)
from deldokument.store.engine.column_types import (
    EnumText,
    StoredBigInteger,
    StoredBytes,
    StoredDate,
    StoredText,
    UtcMicros,
)
from deldokument.store.engine.schema import Id, metadata, primary, reference, sealed
from deldokument.store.engine.statements import Repository, RowMapper, param, plain_fields, plain_values

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
    Column("signed_on", StoredDate, nullable=False),
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

# In a separate table, so that lists of agreements do not read the documents.
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

_TEXT = RowMapper(PublishedText, published_text)
_MAIN = RowMapper(MainAgreement, main_agreement)
_SERVICE = RowMapper(ServiceAgreement, service_agreement)
_PAPER = RowMapper(SignedPaper, service_agreement_paper)
_LOGIN = RowMapper(SigningLogin, signing_intent)

_published = select(*_TEXT.columns).where(published_text.c.kind == param("kind"))
_mains = (
    select(*_MAIN.columns)
    .where(main_agreement.c.tenant_id == param("key"))
    .order_by(main_agreement.c.recorded_at.desc(), main_agreement.c.id.desc())
)
_main_pdf = select(main_agreement_paper.c.sealed_pdf, main_agreement_paper.c.agreement_id).where(
    main_agreement_paper.c.agreement_id == param("key")
)
_services = (
    select(*_SERVICE.columns)
    .where(service_agreement.c.tenant_id == param("key"))
    .order_by(service_agreement.c.signed_at.desc(), service_agreement.c.id.desc())
)
_paper = select(*_PAPER.columns, service_agreement_paper.c.agreement_id).where(
    service_agreement_paper.c.agreement_id == param("key")
)
_intent = select(*signing_intent.c).where(signing_intent.c.id == param("key"))
_intent_by_state = select(*signing_intent.c).where(signing_intent.c.state == param("state"))
_untaken = and_(signing_intent.c.id == param("key"), signing_intent.c.taken_at.is_(None))
_begin_intent = update(signing_intent).where(_untaken)
_take_intent = update(signing_intent).where(_untaken).values(taken_at=param("now"))
_finish_intent = update(signing_intent).where(signing_intent.c.id == param("key")).values(outcome=param("result"))
_forget_intents = delete(signing_intent).where(signing_intent.c.created_at < param("before"))


class AgreementRepository(Repository):
    """Repository of published texts, signed agreements and signing intents."""

    def publish(self, text: PublishedText) -> bool:
        """Insert the version; return False, with no change, if it is already published."""
        return self._work.insert_once(_TEXT.table, _TEXT.values(text))

    def published(self, kind: AgreementKind) -> list[PublishedText]:
        """Return the published versions of a text, in any order."""
        return _TEXT.all(self._work.rows(_published, {"kind": kind}))

    def add_main_agreement(self, agreement: MainAgreement, sealed_pdf: bytes) -> None:
        """Insert a main agreement with its encrypted PDF."""
        self._work.run(insert(main_agreement), _MAIN.values(agreement))
        self._work.run(insert(main_agreement_paper), {"agreement_id": agreement.id, "sealed_pdf": sealed_pdf})

    def main_agreements(self, tenant_id: str) -> list[MainAgreement]:
        """Return the tenant's main agreements, last recorded first."""
        return _MAIN.all(self._work.rows(_mains, {"key": tenant_id}))

    def main_agreement_pdf(self, agreement_id: str) -> bytes | None:
        """Return the encrypted copy; None if there is none."""
        row = self._work.first(_main_pdf, {"key": agreement_id})
        # The schema's owner can admit NULL.
        return bytes(row.sealed_pdf or b"") if row else None

    def add_service_agreement(self, agreement: ServiceAgreement, paper: SignedPaper) -> bool:
        """Insert the agreement; return False, with no change, if the tenant has already signed that version."""
        if not self._work.insert_once(_SERVICE.table, _SERVICE.values(agreement)):
            return False
        self._work.run(insert(service_agreement_paper), {"agreement_id": agreement.id, **_PAPER.values(paper)})
        return True

    def service_agreements(self, tenant_id: str) -> list[ServiceAgreement]:
        """Return the tenant's service agreements, last signed first."""
        return _SERVICE.all(self._work.rows(_services, {"key": tenant_id}))

    def signed_paper(self, agreement_id: str) -> SignedPaper | None:
        """Return the text, the document and the PDF of a service agreement."""
        row = self._work.first(_paper, {"key": agreement_id})
        return _PAPER.make(row[:-1]) if row else None

    def add_intent(self, intent: SigningIntent) -> None:
        """Insert a signing intent, with its login if that has begun."""
        self._work.run(insert(signing_intent), _intent_values(intent))

    def intent(self, intent_id: str) -> SigningIntent | None:
        """Return the intent with the id."""
        return _as_intent(self._work.first(_intent, {"key": intent_id}))

    def intent_by_state(self, state: str) -> SigningIntent | None:
        """Return the intent whose login has the state."""
        return _as_intent(self._work.first(_intent_by_state, {"state": state}))

    def begin_intent(self, intent_id: str, login: SigningLogin) -> bool:
        """Replace the login of the intent; return False, with no change, if the intent is taken or missing.

        Raises: Conflict if another intent has its state.
        """
        return self._work.count(_begin_intent, _LOGIN.values(login) | {"key": intent_id}) == 1

    def take_intent(self, intent_id: str, now: datetime) -> bool:
        """Take the intent; return whether this call took it. It can be taken only once, so its login counts once."""
        return self._work.count(_take_intent, {"key": intent_id, "now": now}) == 1

    def finish_intent(self, intent_id: str, outcome: str) -> None:
        """Store the outcome of the intent."""
        self._work.run(_finish_intent, {"key": intent_id, "result": outcome})

    def forget_intents(self, created_before: datetime) -> int:
        """Remove intents created before ``created_before``; return their number."""
        return self._work.count(_forget_intents, {"before": created_before})


def _as_intent(row: Row[Any] | None) -> SigningIntent | None:
    if row is None:
        return None
    login = {field.name: getattr(row, field.name) for field in fields(SigningLogin)}
    begun = None if None in login.values() else SigningLogin(**login)
    return SigningIntent(**plain_values(row, signing_intent, plain_fields(SigningIntent, "login")), login=begun)


def _intent_values(intent: SigningIntent) -> dict[str, Any]:
    values = {field.name: getattr(intent, field.name) for field in fields(intent) if field.name != "login"}
    return values | (_LOGIN.values(intent.login) if intent.login else {})
