"""Agreements of a tenant: signed versions compared with the published ones, and the version to sign.

Guarantees:
- A record is never changed: a correction is a new record.
- A tenant's documents are encrypted under its own key.

Signing is in `services.agreements.signing`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import TypeVar

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Faults, InvalidInput, existing, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.agreement import (
    AgreementKind,
    SignatureNeed,
    SignatureState,
    needs_signature,
    version_key,
)
from deldokument.domain.tenants.agreement_records import (
    MainAgreement,
    PublishedText,
    ServiceAgreement,
    SignedPaper,
    check_copy,
    check_signed_on,
)
from deldokument.domain.tenants.tenancy import check_name, must_not_have_ended
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import (
    EncryptedColumn,
    find_key,
    open_field,
    open_file,
    open_json,
    seal_field,
    seal_file,
    seal_json,
    tenant_key_id,
)
from deldokument.store.transaction import Transaction

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class AgreementStatus:
    """The signed agreements compared with the published versions. ``current`` is None if none is published."""

    main: MainAgreement | None
    current_main: PublishedText | None
    signed: ServiceAgreement | None
    current: PublishedText | None
    service: SignatureNeed

    @property
    def main_arrived(self) -> bool:
        """Whether the operator has a signed main agreement."""
        return self.main is not None

    @property
    def service_signed(self) -> bool:
        """Whether a signature is valid: of the current version, or of an earlier one within the grace period."""
        return self.service.state in {SignatureState.CURRENT, SignatureState.DUE}

    @property
    def wants_signature(self) -> bool:
        """Whether there is a version that the tenant should sign now."""
        return self.current is not None and self.service.state is not SignatureState.CURRENT


def agreement_status(deps: Dependencies, tx: Transaction, tenant_id: str) -> AgreementStatus:
    """Return the current status of the tenant's agreements, as the transaction sees it."""
    published = tx.agreements.published(AgreementKind.SERVICE)
    signed = newest_signed(tx, tenant_id)
    return AgreementStatus(
        main=next(iter(tx.agreements.main_agreements(tenant_id)), None),
        current_main=current_text(tx, AgreementKind.MAIN),
        signed=signed,
        current=_latest(published),
        service=_need(published, signed, deps.clock.now()),
    )


def current_text(tx: Transaction, kind: AgreementKind) -> PublishedText | None:
    """Return the current version, or None."""
    return _latest(tx.agreements.published(kind))


def _latest(published: Sequence[PublishedText]) -> PublishedText | None:
    return max(published, key=lambda text: version_key(text.version), default=None)


def newest_signed(tx: Transaction, tenant_id: str) -> ServiceAgreement | None:
    """Return the tenant's signature of the newest version that it has signed, or None."""
    signed = tx.agreements.service_agreements(tenant_id)
    return max(signed, key=lambda agreement: version_key(agreement.version), default=None)


def _need(published: Sequence[PublishedText], signed: ServiceAgreement | None, now: datetime) -> SignatureNeed:
    """Return the need for a signature, from the first version after the signed one.

    Later versions do not extend its deadline.
    """
    current = _latest(published)
    if signed is None or current is None:
        return SignatureNeed(SignatureState.NOT_SIGNED)
    later = [text for text in published if version_key(text.version) > version_key(signed.version)]
    wanted = min(later, key=lambda text: text.published_at, default=current)
    return needs_signature(signed.version, wanted.version, wanted.published_at, now)


@dataclass(frozen=True, slots=True)
class MainAgreementView:
    """A main agreement with its signer's name, which is empty once erased."""

    agreement: MainAgreement
    signer: str


@dataclass(frozen=True, slots=True)
class ServiceAgreementView:
    """A service agreement with its signer's name and role, which are empty once erased."""

    agreement: ServiceAgreement
    signer: str
    role: str


@dataclass(frozen=True, slots=True)
class Agreements:
    """All agreements of a tenant, newest first, and their status."""

    status: AgreementStatus
    mains: tuple[MainAgreementView, ...]
    services: tuple[ServiceAgreementView, ...]


def agreements_of(deps: Dependencies, *, tenant_id: str) -> Agreements:
    """Return the tenant's signed agreements and their status."""
    with deps.database.read() as tx:
        status = agreement_status(deps, tx, tenant_id)
        mains, services = tx.agreements.main_agreements(tenant_id), tx.agreements.service_agreements(tenant_id)
    key = find_key(deps.keyring, tenant_key_id(tenant_id))
    return Agreements(status, tuple(_main_view(key, m) for m in mains), tuple(_service_view(key, s) for s in services))


def record_main_agreement(
    deps: Dependencies,
    *,
    tenant_id: str,
    version: str,
    signed_on: date | None,
    signed_by: str,
    copy: bytes,
    person: PersonIdentifier | None = None,
) -> MainAgreement:
    """Record that a signed main agreement has arrived, with a copy. A repetition of the last record returns that one.

    ``signed_by`` is name and title, as written in the document.

    Raises: InvalidFields, NotFound; Conflict if the tenant has ended.
    """
    day, signer = _check_main(deps, version, signed_on, signed_by, copy)
    key, agreement_id = tenant_key(deps, tenant_id), new_id()
    agreement = MainAgreement(
        id=agreement_id,
        tenant_id=tenant_id,
        version=version,
        signed_on=day,
        recorded_at=deps.clock.now(),
        sha256=hashlib.sha256(copy).hexdigest(),
        length=len(copy),
        sealed_signer=seal_field(key, signer, EncryptedColumn.MAIN_SIGNER, agreement_id),
    )
    sealed_copy = seal_file(key, copy, EncryptedColumn.MAIN_COPY, agreement_id)
    with deps.database.write() as tx:
        must_not_have_ended(require(tx.tenants.lock(tenant_id), "tenant"))
        last = next(iter(tx.agreements.main_agreements(tenant_id)), None)
        if last is not None and _content_of(key, last) == _content_of(key, agreement):
            return last
        tx.agreements.add_main_agreement(agreement, sealed_copy)
        record_event(
            deps,
            tx,
            EventKind.MAIN_AGREEMENT_RECORDED,
            tenant_id=tenant_id,
            person=person,
            agreement=agreement_id,
            version=version,
        )
    return agreement


def main_agreement_copy(deps: Dependencies, *, tenant_id: str, agreement_id: str) -> bytes:
    """Return the PDF of a main agreement. Raises: NotFound unless it is the tenant's."""
    with deps.database.read() as tx:
        own = {agreement.id for agreement in tx.agreements.main_agreements(tenant_id)}
        sealed = require(tx.agreements.main_agreement_pdf(agreement_id) if agreement_id in own else None, "copy")
    key = _existing_key(deps, tenant_id)
    return open_file(key, sealed, EncryptedColumn.MAIN_COPY, agreement_id)


def signed_pdf(deps: Dependencies, *, tenant_id: str, agreement_id: str) -> tuple[ServiceAgreement, bytes]:
    """Return the agreement and its PDF with signature page and electronic seal.

    Raises: NotFound unless it is the tenant's.
    """
    agreement, paper = _find_signed(deps, tenant_id, agreement_id)
    key = _existing_key(deps, tenant_id)
    return agreement, open_file(key, paper.sealed_pdf, EncryptedColumn.SIGNED_PDF, agreement_id)


def signed_document(deps: Dependencies, *, tenant_id: str, agreement_id: str) -> tuple[ServiceAgreement, bytes]:
    """Return the agreement and the PDF that the signer saw, whose SHA-256 the signature covers.

    Raises: NotFound unless it is the tenant's.
    """
    agreement, paper = _find_signed(deps, tenant_id, agreement_id)
    key = _existing_key(deps, tenant_id)
    return agreement, open_file(key, paper.sealed_document, EncryptedColumn.SIGNED_DOCUMENT, agreement_id)


def _existing_key(deps: Dependencies, tenant_id: str) -> bytes:
    """Return the key of the tenant's documents. Raises: NotFound if it has been destroyed, and so the documents."""
    return require(find_key(deps.keyring, tenant_key_id(tenant_id)), "papers")


def _check_main(
    deps: Dependencies, version: str, signed_on: date | None, signed_by: str, copy: bytes
) -> tuple[date, str]:
    """Return day and signer in their stored form. Raises: InvalidFields with all errors."""
    faults = Faults()
    faults.unless(lambda: _check_published(deps, version), None)
    day = faults.unless(lambda: check_signed_on(signed_on, day_of(deps.clock.now())), None)
    signer = faults.unless(lambda: check_name(signed_by, field="signed_by"), None)
    faults.unless(lambda: check_copy(copy), None)
    faults.raise_any()
    return existing(day), existing(signer)


def _check_published(deps: Dependencies, version: str) -> None:
    with deps.database.read() as tx:
        published = tx.agreements.published(AgreementKind.MAIN)
    if version not in {text.version for text in published}:
        raise InvalidInput("version", "version_not_published")


def _find_signed(deps: Dependencies, tenant_id: str, agreement_id: str) -> tuple[ServiceAgreement, SignedPaper]:
    with deps.database.read() as tx:
        own = {agreement.id: agreement for agreement in tx.agreements.service_agreements(tenant_id)}
        agreement = require(own.get(agreement_id), "service agreement")
        return agreement, require(tx.agreements.signed_paper(agreement_id), "service agreement")


def _content_of(key: bytes, agreement: MainAgreement) -> tuple[str, date, str, str]:
    return agreement.version, agreement.signed_on, agreement.sha256, _main_view(key, agreement).signer


def _main_view(key: bytes | None, agreement: MainAgreement) -> MainAgreementView:
    signer = open_field(key, agreement.sealed_signer, EncryptedColumn.MAIN_SIGNER, agreement.id) if key else ""
    return MainAgreementView(agreement, signer)


def _service_view(key: bytes | None, agreement: ServiceAgreement) -> ServiceAgreementView:
    signer = open_signer(key, agreement) if key else Signer("", "", "")
    return ServiceAgreementView(agreement, signer.name, signer.role)


@dataclass(frozen=True, slots=True)
class Signer:
    """The administrator who signs, with the role entered in the form."""

    number: str = field(repr=False)
    name: str
    role: str


def seal_signer(key: bytes, signer: Signer, agreement_id: str) -> bytes:
    """Encrypt the signer as one field."""
    return seal_json(key, asdict(signer), EncryptedColumn.SIGNER, agreement_id)


def open_signer(key: bytes, agreement: ServiceAgreement) -> Signer:
    """Decrypt a signer that ``seal_signer`` encrypted; without names if the column is empty."""
    found = open_json(key, agreement.sealed_signer, EncryptedColumn.SIGNER, agreement.id)
    return Signer(**found) if found else Signer("", "", "")


def tenant_key(deps: Dependencies, tenant_id: str) -> bytes:
    """Return the tenant key; create it if there is none.

    Raises: NotFound if there is no such tenant; Conflict if it has ended. Its key may have been destroyed by then, and
    records under a new key would never be erased.
    """
    with deps.database.read() as tx:
        must_not_have_ended(require(tx.tenants.get(tenant_id), "tenant"))
    return deps.keyring.create(tenant_key_id(tenant_id))
