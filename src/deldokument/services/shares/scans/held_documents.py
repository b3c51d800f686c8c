"""Decisions about documents that the scan policy holds: a member releases one, or holds it again.

Guarantees:
- Only a member of the account decides; under four eyes, not the sharer or proposer.
- A decision applies to one document and one verdict. After a scan with another verdict the document is held again.
- Malware is never released: it is always refused, not held.
- Every decision is in the event log, with the person.
"""

from dataclasses import replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.share import Document, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.approvals.proposals import is_own_proposal, living_sharer
from deldokument.services.shares.rights.authorization import check_not_stopped, share_for_update
from deldokument.services.shares.scans.scan_records import Release, seal_release
from deldokument.services.shares.scans.verdicts import Finding, finding_of
from deldokument.store.transaction import Transaction


def release_document(deps: Dependencies, person: PersonIdentifier, share_id: str, document_id: str) -> None:
    """Release a held document: its recipients get it after a warning. Idempotent.

    Raises:
    - NotFound for a share of others, or a document of another share
    - Conflict if the document is not held, the share is over, or four eyes require another member
    - Frozen if the operator has stopped the share
    """
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        document, finding = _document(deps, tx, share, membership, document_id)
        if finding.release is not None:
            return
        if not finding.is_held:
            raise Conflict("document_not_held")
        check_not_stopped(membership, share)
        if membership.account.rules.four_eyes:
            _check_other_person(deps, tx, person, share)
        release = Release(finding.verdict.value, membership.id, deps.clock.now().isoformat())
        share_key = existing_key(deps.keyring, share_key_id(share.id))
        tx.shares.save_document(replace(document, sealed_release=seal_release(share_key, document.id, release)))
        details = {"document": document.id, "verdict": finding.verdict.value}
        record_event(deps, tx, EventKind.DOCUMENT_RELEASED, share=share, person=person, **details)


def hold_document(deps: Dependencies, person: PersonIdentifier, share_id: str, document_id: str) -> None:
    """Hold a released document again; do nothing if no decision has released it. Raises: NotFound or Conflict."""
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        hold_in(deps, tx, share, membership, person, document_id)


def hold_in(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    membership: Membership,
    person: PersonIdentifier,
    document_id: str,
) -> None:
    """Hold a document of a locked share again as ``hold_document`` does."""
    document, finding = _document(deps, tx, share, membership, document_id)
    if finding.release is not None:
        tx.shares.save_document(replace(document, sealed_release=None))
        details = {"document": document.id, "verdict": finding.verdict.value}
        record_event(deps, tx, EventKind.DOCUMENT_HELD, share=share, person=person, **details)


def _document(
    deps: Dependencies, tx: Transaction, share: Share, membership: Membership, document_id: str
) -> tuple[Document, Finding]:
    """Return a document of the share and its finding. Raises: NotFound; Conflict after the share's end."""
    if share.state is not ShareState.DRAFT and not share.is_open_at(deps.clock.now()):
        raise Conflict("share_over")
    found = tx.additions.document(document_id)
    document = require(found if found and found.share_id == share.id else None, "document")
    share_key = existing_key(deps.keyring, share_key_id(share.id))
    finding = finding_of(share_key, document, deps.config.scan_policy_of(membership.tenant))
    if finding is None:
        raise Conflict("document_not_held")
    return document, finding


def _check_other_person(deps: Dependencies, tx: Transaction, person: PersonIdentifier, share: Share) -> None:
    """Raise Conflict if the person is the sharer or proposer, as a member of any account."""
    involved = (living_sharer(tx, one) for one in (share.member_id, share.proposed_by))
    if any(one and is_own_proposal(deps, one, person) for one in involved):
        raise Conflict("own_held_document")
