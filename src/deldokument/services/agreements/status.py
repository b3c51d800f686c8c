"""The agreements of a tenant: what it has signed, against what is published, and what is wanted of it now.

Promises that a record is never changed (a correction is a record anew), and that a tenant's papers are kept sealed
under its own key. Deliberately does not know how a service agreement is signed: that is signing's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import TypeVar

from deldokument.domain.agreement import AgreementKind, SignatureNeed, SignatureState, needs_signature, version_key
from deldokument.domain.agreement_records import (
    MainAgreement,
    PublishedText,
    ServiceAgreement,
    SignedPaper,
    check_copy,
    check_signed_on,
)
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidFields, InvalidInput, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.share import new_id
from deldokument.domain.tenancy import check_name, must_not_have_ended
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, open_field, open_file, papers_key_id, seal_field, seal_file

_Value = TypeVar("_Value")

# --- how it stands ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgreementStatus:
    """What a tenant has signed, against what is published. ``current`` is None before anything is."""

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
        """Whether a signature holds: of the current version, or of an earlier one within the grace period."""
        return self.service.state in {SignatureState.CURRENT, SignatureState.DUE}

    @property
    def wants_signature(self) -> bool:
        """Whether there is something that the tenant should sign now."""
        return self.current is not None and self.service.state is not SignatureState.CURRENT


def agreement_status(deps: Dependencies, tx: Transaction, tenant_id: str) -> AgreementStatus:
    """How the tenant's agreements stand now, as the transaction sees it."""
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
    """The version that counts now."""
    return _latest(tx.agreements.published(kind))


def _latest(published: Sequence[PublishedText]) -> PublishedText | None:
    return max(published, key=lambda text: version_key(text.version), default=None)


def newest_signed(tx: Transaction, tenant_id: str) -> ServiceAgreement | None:
    """The tenant's signature of the newest version that it has signed."""
    signed = tx.agreements.service_agreements(tenant_id)
    return max(signed, key=lambda agreement: version_key(agreement.version), default=None)


def _need(published: Sequence[PublishedText], signed: ServiceAgreement | None, now: datetime) -> SignatureNeed:
    """By the first version after the signed one: the next does not give the tenant another grace period."""
    current = _latest(published)
    if signed is None or current is None:
        return SignatureNeed(SignatureState.NOT_SIGNED)
    later = [text for text in published if version_key(text.version) > version_key(signed.version)]
    wanted = min(later, key=lambda text: text.published_at, default=current)
    return needs_signature(signed.version, signed.signed_at, wanted.version, wanted.published_at, now)


# --- what is signed --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MainAgreementView:
    """A main agreement with the name that stands under it; the name is empty when it has been erased."""

    agreement: MainAgreement
    signer: str


@dataclass(frozen=True, slots=True)
class ServiceAgreementView:
    """A service agreement with who signed it; the words are empty when they have been erased."""

    agreement: ServiceAgreement
    signer: str
    role: str


@dataclass(frozen=True, slots=True)
class Agreements:
    """All of a tenant's agreements, the last first, and how it stands with them."""

    status: AgreementStatus
    mains: tuple[MainAgreementView, ...]
    services: tuple[ServiceAgreementView, ...]


def agreements_of(deps: Dependencies, *, tenant_id: str) -> Agreements:
    """What the tenant has signed and what is wanted of it."""
    with deps.database.read() as tx:
        status = agreement_status(deps, tx, tenant_id)
        mains, services = tx.agreements.main_agreements(tenant_id), tx.agreements.service_agreements(tenant_id)
    key_id = papers_key_id(tenant_id)
    key = deps.keyring.get([key_id]).get(key_id)
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
    """Note that a signed main agreement has arrived, with a copy; the same as the last one, sent again, is that one.

    ``signed_by`` is name and title, as they stand on the paper. Raises InvalidFields, NotFound, or Conflict when the
    tenant has ended.
    """
    day, signer = _check_main(deps, version, signed_on, signed_by, copy)
    key, agreement_id = papers_key(deps, tenant_id), new_id()
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
    """The PDF that arrived. Raises NotFound unless it is the tenant's."""
    with deps.database.read() as tx:
        own = {agreement.id for agreement in tx.agreements.main_agreements(tenant_id)}
        sealed = require(tx.agreements.main_agreement_pdf(agreement_id) if agreement_id in own else None, "copy")
    key = _existing_key(deps, tenant_id)
    return open_file(key, sealed, EncryptedColumn.MAIN_COPY, agreement_id)


def signed_pdf(deps: Dependencies, *, tenant_id: str, agreement_id: str) -> tuple[ServiceAgreement, bytes]:
    """The sealed PDF with the signature. Raises NotFound unless it is the tenant's."""
    agreement, paper = _signed(deps, tenant_id, agreement_id)
    key = _existing_key(deps, tenant_id)
    return agreement, open_file(key, paper.sealed_pdf, EncryptedColumn.SIGNED_PDF, agreement_id)


def signed_document(deps: Dependencies, *, tenant_id: str, agreement_id: str) -> tuple[ServiceAgreement, bytes]:
    """The PDF that the signer was shown, whose SHA-256 the signature names. Raises NotFound unless the tenant's."""
    agreement, paper = _signed(deps, tenant_id, agreement_id)
    key = _existing_key(deps, tenant_id)
    return agreement, open_file(key, paper.sealed_document, EncryptedColumn.SIGNED_DOCUMENT, agreement_id)


def _existing_key(deps: Dependencies, tenant_id: str) -> bytes:
    """The key of papers that are there. Raises NotFound when it is gone, and they with it."""
    key_id = papers_key_id(tenant_id)
    return require(deps.keyring.get([key_id]).get(key_id), "papers")


def _check_main(
    deps: Dependencies, version: str, signed_on: date | None, signed_by: str, copy: bytes
) -> tuple[date, str]:
    """Day and signer as they are kept. Raises InvalidFields with all that is wrong."""
    errors: list[InvalidInput] = []

    def checked(check: Callable[[], _Value]) -> _Value | None:
        try:
            return check()
        except InvalidInput as error:
            errors.append(error)
            return None

    checked(lambda: _check_published(deps, version))
    day = checked(lambda: check_signed_on(signed_on, day_of(deps.clock.now())))
    signer = checked(lambda: check_name(signed_by, field="signed_by"))
    checked(lambda: check_copy(copy))
    if errors or day is None or signer is None:
        raise InvalidFields(errors)
    return day, signer


def _check_published(deps: Dependencies, version: str) -> None:
    with deps.database.read() as tx:
        published = tx.agreements.published(AgreementKind.MAIN)
    if version not in {text.version for text in published}:
        raise InvalidInput("version", "version_not_published")


def _signed(deps: Dependencies, tenant_id: str, agreement_id: str) -> tuple[ServiceAgreement, SignedPaper]:
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


# --- under the tenant's own key --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the administrator who is logged in, with the role that was given."""

    number: str = field(repr=False)
    name: str
    role: str


def seal_signer(key: bytes, signer: Signer, agreement_id: str) -> bytes:
    """The signer as one sealed field."""
    return seal_field(key, json.dumps(asdict(signer)), EncryptedColumn.SIGNER, agreement_id)


def open_signer(key: bytes, agreement: ServiceAgreement) -> Signer:
    """What ``seal_signer`` sealed."""
    return Signer(**json.loads(open_field(key, agreement.sealed_signer, EncryptedColumn.SIGNER, agreement.id)))


def papers_key(deps: Dependencies, tenant_id: str) -> bytes:
    """The key of the tenant's papers, made when it has none yet.

    Raises NotFound when there is no such tenant, and Conflict when it has ended: its key may have been destroyed, and
    what another one seals would never be forgotten.
    """
    with deps.database.read() as tx:
        must_not_have_ended(require(tx.tenants.get(tenant_id), "tenant"))
    return deps.keyring.create(papers_key_id(tenant_id))
