"""Documents that are added to a published share: uploaded beside it, then made part of it.

    add_document ──> pending ──all bytes, inspected──> ready ──changes.change_share──> part of the share
                        └──take_back, a week, the share's end──> deleted

Guarantees:
- Recipients cannot see a pending document: no query for the share's documents returns it.
- Its row is authenticated as pending. A row that was changed to another state is damaged.
- It counts against the account's quota from its announcement on, and ends with the share and its key.
"""

from collections.abc import Collection
from dataclasses import replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Faults, InvalidInput, NotFound, existing
from deldokument.domain.identifiers import Consumer, Sharer
from deldokument.domain.shares.share import DRAFT_LIFETIME, Document, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.audit.recording import record_at, record_event
from deldokument.services.each import do_each
from deldokument.services.shares.approvals.proposals import ReturnReason, end_proposal, pending_proposal, touch_draft
from deldokument.services.shares.drafts.upload_tickets import NewDocument, UploadTicket, announce
from deldokument.services.shares.rights.authorization import check_may_share, share_for_update
from deldokument.services.shares.rights.quota import check_quota
from deldokument.services.shares.scans.verdicts import scan_errors
from deldokument.store.transaction import Transaction

_BATCH = 100


def add_document(
    deps: Dependencies, sharer: Sharer, share_id: str, *, name: str, length: int, modified_at: int | None
) -> UploadTicket:
    """Announce a document beside an open share; return as ``drafts.add_document``.

    If somebody else adds to a share, its system can no longer read it back: it would get the others' content. Raises:
    as ``announce``; NotFound; Conflict if the share is over; Frozen.
    """
    file = NewDocument.checked(name, length, modified_at)
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, sharer, share_id)
        now = deps.clock.now()
        if not share.is_open_at(now):
            raise Conflict("share_over")
        check_may_share(membership, share)
        ticket = announce(deps, tx, share, membership, file, pending_since=now)
        if share.exposed_to is not None and not _is_system(tx, sharer, share.exposed_to):
            tx.shares.save(replace(share, exposed_to=None))
            record_event(deps, tx, EventKind.READ_BACK_ENDED, share=share, person=sharer)
    return ticket


def _is_system(tx: Transaction, sharer: Sharer, integration_id: str) -> bool:
    """Return whether the sharer is a system with that integration."""
    if not isinstance(sharer, Consumer):
        return False
    return existing(tx.integrations.get(integration_id)).organization_number == sharer.organization.value


def take_back(deps: Dependencies, sharer: Sharer, share_id: str, document_id: str) -> None:
    """Remove a pending document; its bytes become garbage.

    Raises: NotFound, also for a document that is part of the share.
    """
    with deps.database.write() as tx:
        share, _ = share_for_update(deps, tx, sharer, share_id)
        if document_id not in {document.id for document in tx.additions.pending([share_id])}:
            raise NotFound("document")
        remove_unpublished(deps, tx, share, document_id, sharer)


def drop_stale_additions(deps: Dependencies) -> int:
    """Remove documents that have been pending for a week. One round of retention.

    Raises: the first error, after the other documents have been removed.
    """
    with deps.database.read() as tx:
        stale = tx.additions.stale(deps.clock.now() - DRAFT_LIFETIME, _BATCH)
    return do_each(stale, lambda document: _is_dropped(deps, document))


def _is_dropped(deps: Dependencies, stale: Document) -> bool:
    """Remove a document if it is still pending."""
    with deps.database.write() as tx:
        share, current = tx.shares.lock(stale.share_id), tx.additions.document(stale.id)
        if share is None or current is None or current.pending_since is None:
            return False
        remove_unpublished(deps, tx, share, stale.id, None)
    return True


def remove_unpublished(
    deps: Dependencies, tx: Transaction, share: Share, document_id: str, sharer: Sharer | None
) -> Share:
    """Remove a document of a draft, or a pending one; return the share. A proposal that contains the document ends."""
    tx.shares.remove_document(document_id, deps.clock.now())
    if share.state is ShareState.DRAFT:
        touched = touch_draft(deps, tx, share, sharer)
        record_event(deps, tx, EventKind.DOCUMENT_REMOVED, share=share, person=sharer, document=document_id)
        return touched
    record_event(deps, tx, EventKind.DOCUMENT_TAKEN_BACK, share=share, person=sharer, document=document_id)
    proposal = pending_proposal(deps, tx, share)
    if proposal is None or proposal.change is None or document_id not in proposal.change.documents:
        return share
    return end_proposal(deps, tx, share, proposal, sharer, ReturnReason.CHANGED)


def still_pending(tx: Transaction, share: Share, document_ids: Collection[str]) -> tuple[str, ...]:
    """Return those of the documents that are still pending, in their order. Documents of the share are left out.

    Raises: NotFound for any other document.
    """
    if not document_ids:
        return ()
    pending = [document.id for document in tx.additions.pending([share.id])]
    present = {document.id for document in tx.shares.documents([share.id])}
    if not present.union(pending).issuperset(document_ids):
        raise NotFound("document")
    return tuple(one for one in pending if one in document_ids)


def check_additions(
    deps: Dependencies, tx: Transaction, share: Share, membership: Membership, document_ids: Collection[str]
) -> None:
    """Check that the pending documents can become part of the share. Raises: InvalidFields with all reasons; Frozen.

    Each must be inspected first, so that the share's zip stays available.
    """
    documents = _choose(tx, share, document_ids)
    if not documents:
        return
    check_may_share(membership, share)
    faults = Faults()
    faults.errors += scan_errors(deps, share, membership.tenant, documents, must_be_inspected=True)
    if not all(document.is_complete for document in documents):
        faults.errors = [InvalidInput("documents", "files_unfinished")]
    length = sum(document.length for document in documents)
    faults.unless(lambda: check_quota(deps, tx, membership.account, length, counted=length), None)
    faults.raise_any()


def publish_additions(
    deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, document_ids: Collection[str]
) -> None:
    """Make the pending documents part of the share, with one event each, all of the same instant.

    The share must be locked.
    """
    chosen, now = _choose(tx, share, document_ids), deps.clock.now()
    for document in chosen:
        tx.shares.save_document(replace(document, pending_since=None))
        details = {"document": document.id}
        record_at(deps, tx, now, EventKind.DOCUMENT_ADDED, details, share=share, person=sharer)
    if chosen:
        tx.statistics.count_documents(share.id)


def _choose(tx: Transaction, share: Share, document_ids: Collection[str]) -> list[Document]:
    if not document_ids:
        return []
    return [one for one in tx.additions.pending([share.id]) if one.id in document_ids]
