"""Texts of agreements and assessments: published by the operator, filled in for a tenant.

Guarantees:
- No version applies before the operator has published it.
- Only a newer version can be published.
- A tenant gets exactly the text whose digest the signature covers.
"""

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenants.agreement import AgreementKind, Change, changes, digest, merge, version_key
from deldokument.domain.tenants.agreement_records import PublishedText
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.documents import RenderedDocument
from deldokument.services.agreements.status import current_text, newest_signed
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, open_field, seal_field
from deldokument.services.people import StaffRole, directory_key, operator_of, view_person
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class TextListing:
    """A kind of text: the published versions, each with its publisher (empty for the command line).

    ``publishable`` is the newest version in the catalogue; empty if that is published.
    """

    kind: AgreementKind
    published: tuple[tuple[PublishedText, str], ...]
    publishable: str


def publish_agreement(
    deps: Dependencies, kind: AgreementKind, version: str, person: PersonIdentifier | None = None
) -> PublishedText:
    """Publish a version of the catalogue; it applies to all tenants from now on.

    Raises:
    - InvalidInput if there is no such version.
    - Conflict if it is not newer than the current one.
    - Unavailable if the text needs operator details that are not set.
    """
    if version not in deps.texts.versions(kind):
        raise InvalidInput("version", "version_unknown")
    merge(deps.texts.text(kind, version).markdown, deps.config.operator.values("-", "-", "-"))
    with deps.database.write() as tx:
        current = current_text(tx, kind)
        published = PublishedText(kind, version, deps.clock.now(), _sealed_publisher(deps, tx, kind, version, person))
        is_newer = current is None or version_key(current.version) < version_key(version)
        if not (is_newer and tx.agreements.publish(published)):
            raise Conflict("version_not_newer")
        record_event(deps, tx, EventKind.AGREEMENT_PUBLISHED, person=person, agreement=kind.value, version=version)
    return published


def list_texts(deps: Dependencies) -> list[TextListing]:
    """Return every kind of text, with the newest version first."""
    with deps.database.read() as tx:
        return [_listing(deps, tx, kind) for kind in AgreementKind]


def _listing(deps: Dependencies, tx: Transaction, kind: AgreementKind) -> TextListing:
    published = sorted(tx.agreements.published(kind), key=lambda text: version_key(text.version), reverse=True)
    last = version_key(published[0].version) if published else ()
    newer = [version for version in deps.texts.versions(kind) if version_key(version) > last]
    publishable = max(newer, key=version_key, default="")
    return TextListing(kind, tuple((text, _publisher(deps, text)) for text in published), publishable)


def _sealed_publisher(
    deps: Dependencies, tx: Transaction, kind: AgreementKind, version: str, person: PersonIdentifier | None
) -> bytes:
    key = directory_key(deps)
    operator = operator_of(deps, tx, person) if person else None
    name = view_person(key, StaffRole.OPERATOR, operator).name if operator else ""
    return seal_field(key, name, EncryptedColumn.PUBLISHER, f"{kind}:{version}")


def _publisher(deps: Dependencies, text: PublishedText) -> str:
    return open_field(
        directory_key(deps), text.sealed_publisher, EncryptedColumn.PUBLISHER, f"{text.kind}:{text.version}"
    )


@dataclass(frozen=True, slots=True)
class AgreementDocument:
    """A published text for one tenant, with its name and the operator's filled in."""

    kind: AgreementKind
    version: str
    title: str
    markdown: str
    published_at: datetime

    @property
    def sha256(self) -> str:
        """The digest of the filled-in text."""
        return digest(self.markdown)

    @property
    def paper(self) -> RenderedDocument:
        """The document to render; the same document renders to the same bytes at any time."""
        return RenderedDocument(self.markdown, self.title, self.version, self.published_at)


def current_document(deps: Dependencies, *, tenant_id: str, kind: AgreementKind) -> AgreementDocument | None:
    """Return the text that applies now; None if none is published. Raises: NotFound; Unavailable (see ``merge``)."""
    with deps.database.read() as tx:
        return current_document_in(deps, tx, require(tx.tenants.get(tenant_id), "tenant"), kind)


def current_document_in(
    deps: Dependencies, tx: Transaction, tenant: Tenant, kind: AgreementKind
) -> AgreementDocument | None:
    """Return the same as ``current_document``, as the transaction sees it."""
    published = current_text(tx, kind)
    if published is None:
        return None
    text = deps.texts.text(kind, published.version)
    values = deps.config.operator.values(tenant.name, tenant.organization_number, tenant.contact.email)
    merged = merge(text.markdown, values)
    return AgreementDocument(kind, published.version, text.title, merged, published.published_at)


@dataclass(frozen=True, slots=True)
class ChangeList:
    """The changes of a new version: the exact text that the tenant signed compared with the one that it would sign."""

    signed_version: str
    document: AgreementDocument
    changes: list[Change]


def changes_to_sign(deps: Dependencies, *, tenant_id: str) -> ChangeList:
    """Compare the current service agreement with the one that the tenant signed. Raises: NotFound if one is missing."""
    with deps.database.read() as tx:
        tenant = require(tx.tenants.get(tenant_id), "tenant")
        signed = require(newest_signed(tx, tenant_id), "signed agreement")
        paper = require(tx.agreements.signed_paper(signed.id), "signed agreement")
        document = require(current_document_in(deps, tx, tenant, AgreementKind.SERVICE), "published text")
    return ChangeList(signed.version, document, changes(paper.markdown, document.markdown))
