"""Signing of a service agreement: the document, the login that confirms it, and the signed result.

    offer_signing      the document to sign, with the digests of text and PDF
    begin_signing      the person confirms authority: an intent, bound to session, tenant and document
    start_login        a new login at the provider, whose nonce commits to the statement
    complete_signing   the provider's response: a signature or a refusal, once
    show_signing       the result of an intent

Guarantees:
- A signature needs a separate login at level high, by the same person, who must still be an administrator.
- The first signature of a tenant confirms the signing administrator.
- The signed document is byte for byte the document that was shown.
- An intent can be used once, within fifteen minutes, in the session that began it.
- A version is signed once.

Enhetsregisteret has no list of those who may sign for an organisation. The proof is the person's confirmation, which
the provider's signature covers, and its record.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import (
    Conflict,
    Faults,
    InvalidInput,
    LoginFailed,
    NotFound,
    ServiceError,
    existing,
    require,
)
from deldokument.domain.shares.share import new_id
from deldokument.domain.shares.typed_texts import check_text
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import (
    SIGNED,
    SIGNING_LEVEL,
    ServiceAgreement,
    SignedPaper,
    SigningIntent,
    SigningLogin,
    is_login_for,
)
from deldokument.domain.tenants.impact_assessment import ROLE_LENGTH
from deldokument.domain.tenants.tenancy import Administrator, Tenant, must_not_have_ended, tidy_words
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.login import Identity, LoginRequest
from deldokument.services.accounts.administrations import let_administrator_act
from deldokument.services.agreements.signature_page import Evidence, Statement, with_signature
from deldokument.services.agreements.status import ServiceAgreementView, Signer, agreements_of, seal_signer, tenant_key
from deldokument.services.agreements.texts import AgreementDocument, current_document_in
from deldokument.services.audit.recording import record_at
from deldokument.services.auth.sessions import Session, follow_login
from deldokument.services.encryption import EncryptedColumn, open_field, seal_field, seal_file
from deldokument.services.people import StaffRole, administration_of, directory_key, signatories_of, view_person
from deldokument.store.transaction import Transaction

_KEPT = timedelta(hours=24)
"""How long the page with the result of an intent can be opened."""

_PATIENCE = timedelta(minutes=2)
"""A response accepted this long ago without a result will get none: the process was killed."""

_REASON = "Tjenesteavtale, signert digitalt"


@dataclass(frozen=True, slots=True)
class SigningOffer:
    """The document that a person would sign for a tenant."""

    tenant: Tenant
    document: AgreementDocument
    document_sha256: str
    signer: str
    pdf: bytes = field(repr=False)


def offer_signing(deps: Dependencies, session: Session, *, tenant_id: str) -> SigningOffer:
    """Return the document to sign now.

    Raises:
    - NotFound unless the person administers the tenant.
    - Conflict if no version is published, the current version is signed, or the tenant's row is damaged.
    - Unavailable if the document could not be sealed.
    """
    with deps.database.read() as tx:
        tenant = require(tx.tenants.get(tenant_id), "tenant")
        must_not_have_ended(tenant)
        if not tenant.intact:
            raise Conflict("records_unproven")
        own = _signer(deps, tx, session, tenant_id)
        document = current_document_in(deps, tx, tenant, AgreementKind.SERVICE)
        signed = {agreement.version for agreement in tx.agreements.service_agreements(tenant_id)}
    if document is None:
        raise Conflict("agreement_not_published")
    if document.version in signed:
        raise Conflict("agreement_signed")
    deps.signer.check(deps.clock.now())
    pdf = deps.renderer.pdf(document.paper)
    signer = view_person(directory_key(deps), StaffRole.ADMINISTRATOR, own).name
    return SigningOffer(tenant, document, hashlib.sha256(pdf).hexdigest(), signer, pdf)


def begin_signing(
    deps: Dependencies, session: Session, *, tenant_id: str, shown: tuple[str, str], role: str, confirmed: bool
) -> str:
    """Record that the person confirms authority to sign the document ``shown``; return the id of the intent.

    ``shown`` are the digests of text and PDF.

    Raises: InvalidFields with all missing fields; Conflict if another document is current now.
    """
    offer = offer_signing(deps, session, tenant_id=tenant_id)
    if shown != (offer.document.sha256, offer.document_sha256):
        raise Conflict("agreement_changed")
    tidy_role, intent_id = _check_confirmation(role, confirmed), new_id()
    intent = SigningIntent(
        id=intent_id,
        tenant_id=tenant_id,
        session_hash=session.token_hash,
        version=offer.document.version,
        text_sha256=offer.document.sha256,
        document_sha256=offer.document_sha256,
        sealed_role=seal_field(tenant_key(deps, tenant_id), tidy_role, EncryptedColumn.SIGNER_ROLE, intent_id),
        created_at=deps.clock.now(),
    )
    with deps.database.write() as tx:
        tx.agreements.add_intent(intent)
        _record(deps, tx, EventKind.SIGNING_BEGUN, session, intent)
    return intent_id


def start_login(deps: Dependencies, session: Session, *, tenant_id: str, intent_id: str, locale: str) -> str:
    """Return the provider's URL for a new login that confirms the intent; an earlier login for it becomes invalid.

    Raises: NotFound unless the intent is of this session; Conflict if it is over; Unavailable.
    """
    with deps.database.read() as tx:
        intent = tx.agreements.intent(intent_id)
        tenant = require(tx.tenants.get(tenant_id), "tenant")
    if intent is None or (intent.tenant_id, intent.session_hash) != (tenant_id, session.token_hash):
        raise NotFound("signing intent")
    begun_at = deps.clock.now()
    if intent.is_expired(begun_at):
        raise Conflict("signing_expired")
    statement = _statement(deps, intent, tenant, secrets.token_urlsafe(32))
    request = deps.login.begin(locale, fresh=True, nonce=statement.nonce, on_behalf_of=tenant.on_behalf_of)
    login = SigningLogin(request.state, statement.nonce, request.code_verifier, statement.salt, begun_at)
    with deps.database.write() as tx:
        if not tx.agreements.begin_intent(intent_id, login):
            raise Conflict("signing_over")
    return request.url


@dataclass(frozen=True, slots=True)
class SigningDone:
    """Result of the provider's response for an intent: a signature, or ``refusal``, the code of its error."""

    tenant_id: str
    intent_id: str
    refusal: ServiceError | None = None


def is_signing(deps: Dependencies, state: str) -> bool:
    """Return whether a response of the provider belongs to a signature and not to an ordinary login."""
    with deps.database.read() as tx:
        return tx.agreements.intent_by_state(state) is not None


def complete_signing(deps: Dependencies, session: Session | None, params: Mapping[str, str]) -> SigningDone:
    """Accept the provider's response. If it was accepted before, return the stored result.

    Raises: LoginFailed, with the intent unchanged, unless this is the session that began it.
    """
    with deps.database.read() as tx:
        intent = tx.agreements.intent_by_state(params.get("state", ""))
    if intent is None or session is None or session.token_hash != intent.session_hash:
        raise LoginFailed("signing_other_session")
    with deps.database.write() as tx:
        if not tx.agreements.take_intent(intent.id, deps.clock.now()):
            return SigningDone(intent.tenant_id, intent.id)
    try:
        _sign(deps, session, intent, params)
    except ServiceError as error:
        _refuse(deps, session, intent, error)
        return SigningDone(intent.tenant_id, intent.id, error)
    return SigningDone(intent.tenant_id, intent.id)


def _sign(deps: Dependencies, session: Session, intent: SigningIntent, params: Mapping[str, str]) -> None:
    """Sign. Raises, with nothing signed: LoginFailed, Conflict, NotFound or an error of a port."""
    login = existing(intent.login)
    if intent.is_expired(deps.clock.now()):
        raise Conflict("signing_expired")
    with deps.database.read() as tx:
        tenant = require(tx.tenants.get(intent.tenant_id), "tenant")
    asked = LoginRequest("", login.state, login.nonce, login.code_verifier, tenant.on_behalf_of)
    identity = deps.login.complete(params, asked)
    now = deps.clock.now()
    _check_identity(session, login, identity, now)
    follow_login(deps, session, identity)
    offer = offer_signing(deps, session, tenant_id=intent.tenant_id)
    _check_document(intent, offer)
    statement = _statement(deps, intent, offer.tenant, login.salt)
    if statement.nonce != login.nonce:
        raise Conflict("agreement_changed")
    evidence = Evidence(statement, offer.signer, session.person.masked, now, identity.claims, identity.id_token)
    agreement, paper = _agreement(deps, session, offer, evidence)
    with deps.database.write() as tx:
        own = _check_still(deps, tx, session, intent)
        if not tx.agreements.add_service_agreement(agreement, paper):
            raise Conflict("agreement_signed")
        tx.agreements.finish_intent(intent.id, SIGNED)
        _record(deps, tx, EventKind.SERVICE_AGREEMENT_SIGNED, session, intent, agreement=agreement.id)
        let_administrator_act(deps, tx, own, session.person)


def _check_identity(session: Session, login: SigningLogin, identity: Identity, now: datetime) -> None:
    """Raise LoginFailed unless this person logged in for this signature, at the required level."""
    if identity.person_identifier != session.person.value:
        raise LoginFailed("signing_other_person")
    if identity.acr != SIGNING_LEVEL:
        raise LoginFailed("login_level")
    if not is_login_for(login.begun_at, now, identity.auth_time, identity.issued_at):
        raise LoginFailed("signing_old_login", detail="auth_time is older than the question")


def _check_document(intent: SigningIntent, offer: SigningOffer) -> None:
    """Raise Conflict unless the document to sign is byte for byte the document that was shown."""
    if (intent.text_sha256, intent.document_sha256) != (offer.document.sha256, offer.document_sha256):
        raise Conflict("agreement_changed")


def _check_still(deps: Dependencies, tx: Transaction, session: Session, intent: SigningIntent) -> Administrator:
    """Repeat the earlier checks with the tenant locked; return the signer. Raises: NotFound or Conflict."""
    tenant = require(tx.tenants.lock(intent.tenant_id), "tenant")
    must_not_have_ended(tenant)
    signer = _signer(deps, tx, session, tenant.id)
    document = current_document_in(deps, tx, tenant, AgreementKind.SERVICE)
    if document is None or document.sha256 != intent.text_sha256:
        raise Conflict("agreement_changed")
    return signer


def _agreement(
    deps: Dependencies, session: Session, offer: SigningOffer, evidence: Evidence
) -> tuple[ServiceAgreement, SignedPaper]:
    """Return the agreement's record and its PDFs, encrypted. The signed PDF has the electronic seal."""
    key, agreement_id, statement = tenant_key(deps, offer.tenant.id), new_id(), evidence.statement
    signed = replace(offer.document.paper, made_at=evidence.signed_at)
    signed = replace(signed, markdown=with_signature(signed.markdown, evidence))
    pdf = deps.signer.seal(
        deps.renderer.pdf(signed), reason=_REASON, location=deps.config.public_url, at=evidence.signed_at
    )
    signer = Signer(session.person.value, evidence.signer, statement.role)
    agreement = ServiceAgreement(
        id=agreement_id,
        tenant_id=offer.tenant.id,
        version=statement.version,
        organization_number=statement.organization_number,
        organization_name=statement.organization_name,
        signed_at=evidence.signed_at,
        text_sha256=statement.text_sha256,
        document_sha256=statement.document_sha256,
        sealed_signer=seal_signer(key, signer, agreement_id),
        sealed_evidence=seal_field(key, evidence.as_json(), EncryptedColumn.SIGNING_EVIDENCE, agreement_id),
    )
    paper = SignedPaper(
        markdown=offer.document.markdown,
        sealed_document=seal_file(key, offer.pdf, EncryptedColumn.SIGNED_DOCUMENT, agreement_id),
        sealed_pdf=seal_file(key, pdf, EncryptedColumn.SIGNED_PDF, agreement_id),
    )
    return agreement, paper


def _refuse(deps: Dependencies, session: Session, intent: SigningIntent, error: ServiceError) -> None:
    with deps.database.write() as tx:
        tx.agreements.finish_intent(intent.id, error.code)
        _record(deps, tx, EventKind.SIGNING_REFUSED, session, intent, reason=error.code)


def _record(
    deps: Dependencies, tx: Transaction, kind: EventKind, session: Session, intent: SigningIntent, **details: str
) -> None:
    facts = {"intent": intent.id, "version": intent.version, **details}
    record_at(deps, tx, deps.clock.now(), kind, facts, tenant_id=intent.tenant_id, person=session.person)


@dataclass(frozen=True, slots=True)
class SigningResult:
    """The result of an intent: ``agreement`` if the version is signed, ``refusal`` (a code) if it was refused.

    With neither, the login is pending, or the response is being processed (``is_taken``).
    """

    version: str
    agreement: ServiceAgreementView | None
    refusal: str = ""
    is_taken: bool = False


def show_signing(deps: Dependencies, *, tenant_id: str, intent_id: str) -> SigningResult:
    """Return the result of an intent, for the tenant's administrators. Raises: NotFound."""
    with deps.database.read() as tx:
        intent = tx.agreements.intent(intent_id)
    if intent is None or intent.tenant_id != tenant_id:
        raise NotFound("signing intent")
    signed = agreements_of(deps, tenant_id=tenant_id).services if intent.outcome in {SIGNED, "agreement_signed"} else ()
    agreement = next((view for view in signed if view.agreement.version == intent.version), None)
    refusal = "" if agreement else _refusal(intent, deps.clock.now())
    return SigningResult(intent.version, agreement, refusal, intent.taken_at is not None)


def _refusal(intent: SigningIntent, now: datetime) -> str:
    if intent.taken_at is None:
        return "signing_expired" if intent.is_expired(now) else ""
    return intent.outcome or ("broken" if now - intent.taken_at > _PATIENCE else "")


def forget_intents(deps: Dependencies) -> int:
    """Remove old intents, signed or not, and return how many."""
    with deps.database.write() as tx:
        return tx.agreements.forget_intents(deps.clock.now() - _KEPT)


def _check_confirmation(role: str, confirmed: bool) -> str:
    """Return the role in its stored form. Raises: InvalidFields with all missing fields."""
    faults = Faults()
    tidy = faults.unless(lambda: _check_role(role), "")
    if not confirmed:
        faults.errors.append(InvalidInput("authority", "authority_missing"))
    faults.raise_any()
    return tidy


def _check_role(role: str) -> str:
    """Return one line of printable text.

    The renderer treats more characters as line breaks than a form does. Without this check, a role could add lines to
    the statement.
    """
    tidy = tidy_words(check_text(role, ROLE_LENGTH, field="role"))
    if not tidy.isprintable():
        raise InvalidInput("role", "text_control_characters")
    if not tidy:
        raise InvalidInput("role", "signer_role_missing")
    return tidy


def _signer(deps: Dependencies, tx: Transaction, session: Session, tenant_id: str) -> Administrator:
    """Return the signer's record as administrator. The tenant's first one may be unconfirmed. Raises: NotFound."""
    own = administration_of(deps, tx, session.person, tenant_id)
    waiting = (one for one in signatories_of(deps, tx, session.person) if one.tenant_id == tenant_id)
    return require(own or next(waiting, None), "administrator")


def _statement(deps: Dependencies, intent: SigningIntent, tenant: Tenant, salt: str) -> Statement:
    key = tenant_key(deps, intent.tenant_id)
    return Statement(
        version=intent.version,
        organization_name=tenant.name,
        organization_number=tenant.organization_number,
        role=open_field(key, intent.sealed_role, EncryptedColumn.SIGNER_ROLE, intent.id),
        text_sha256=intent.text_sha256,
        document_sha256=intent.document_sha256,
        salt=salt,
    )
