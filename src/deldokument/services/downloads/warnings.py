"""Warnings about documents that no scanner has examined, and a person's confirmations of them.

Guarantees:
- Nobody gets a document that the scan policy holds, alone or in a zip.
- The person confirms a warning once for each document and verdict. The event log records it.
- A confirmation applies only to that verdict. After another verdict the person is warned again.
"""

from collections.abc import Iterable

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound, existing
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.scan_policy import ScanPolicy
from deldokument.domain.shares.share import MAX_DOCUMENTS, Document, Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import known_subject, record_event
from deldokument.services.downloads.access import Access, authorize
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.scans.verdicts import Finding, finding_of
from deldokument.store.audit.audit import EventFilter
from deldokument.store.transaction import Transaction

Confirmed = frozenset[tuple[str, str]]
"""Documents and verdicts about which a person has confirmed the warning."""
_MAX_EVENTS = 10 * MAX_DOCUMENTS


def policy_of_share(deps: Dependencies, tx: Transaction, share: Share) -> ScanPolicy:
    """Return the scan policy that applies to the share's documents."""
    return deps.config.scan_policy_of(existing(tx.tenants.get(share.tenant_id)))


def must_confirm(document_id: str, finding: Finding, confirmed: Confirmed) -> bool:
    """Return whether the person must confirm a warning before the download."""
    return finding.needs_warning and (document_id, finding.verdict.value) not in confirmed


def confirmed_warnings(tx: Transaction, share: Share, audit_key: bytes, person: PersonIdentifier) -> Confirmed:
    """Return the warnings that the person has confirmed."""
    subject = known_subject(tx, share.audit_key_id, audit_key, person)
    if subject is None:
        return frozenset()
    by_person = (subject.id,)
    wanted = EventFilter(share.tenant_id, kind=EventKind.WARNING_CONFIRMED, share_id=share.id, subject_ids=by_person)
    found = (stored.event.details or {} for stored in tx.audit.newest(wanted, before=None, limit=_MAX_EVENTS))
    return frozenset((str(details["document"]), str(details["verdict"])) for details in found)


def check_handling(
    deps: Dependencies, access: Access, keys: tuple[bytes, bytes], policy: ScanPolicy, documents: Iterable[Document]
) -> None:
    """Check that the person may download all of these inspected documents; ``keys``: share key and audit key.

    Raises: Conflict if one is held, or has a warning that the person has not confirmed.
    """
    with deps.database.read() as tx:
        confirmed = confirmed_warnings(tx, access.share, keys[1], access.person)
    for document in documents:
        finding = existing(finding_of(keys[0], document, policy))
        if finding.is_held:
            raise Conflict("document_held")
        if must_confirm(document.id, finding, confirmed):
            raise Conflict("document_unconfirmed")


def confirm_warnings(deps: Dependencies, person: PersonIdentifier, share_id: str, document_id: str = "") -> None:
    """Record that the person has confirmed the warning of a document, or all warnings if none is named.

    Raises: as ``authorize``; NotFound if the document belongs to another share.
    """
    access = authorize(deps, person, share_id)
    share = access.share
    share_key = existing_key(deps.keyring, share_key_id(share.id))
    audit_key = existing_key(deps.keyring, share.audit_key_id)
    with deps.database.write() as tx:
        # The lock serialises the confirmations of the share, so that each is recorded only once.
        tx.shares.lock(share.id)
        policy = policy_of_share(deps, tx, share)
        confirmed = confirmed_warnings(tx, share, audit_key, person)
        documents = [one for one in tx.shares.documents([share.id]) if document_id in ("", one.id)]
        if not documents:
            raise NotFound("document of another share")
        for document in documents:
            finding = finding_of(share_key, document, policy)
            if finding and must_confirm(document.id, finding, confirmed):
                record_event(
                    deps,
                    tx,
                    EventKind.WARNING_CONFIRMED,
                    share=share,
                    person=person,
                    document=document.id,
                    verdict=finding.verdict.value,
                )
