"""Publication of a share, alone or with a second person's approval; withdrawal, and copies.

    publish_share ──without four eyes──> available
         └──four eyes──> proposed ──approve_share, another person──> available
                             └──return_proposal, any change──> draft
    available ──undo_publication, not opened──> draft
         └──undo_publication, opened──> withdrawn

Guarantees:
- Each function locks the share's row and checks the state again. Of two concurrent calls one succeeds; the other gets
  the present state or an error.
- A published share has recipients, documents, a period and the sharer's confirmations.
- If the account requires four eyes, a second person approves exactly what is published, once it has been scanned.
- A draft with a document in which a scanner has found malware is not published.
- A share that has ended or been withdrawn stays so.
- Only the sharing member can undo a publication, within the account's undo window, and only while nobody has opened the
  share. Notices and webhooks wait until the window is over.
- An undone draft needs all confirmations and approvals again.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, Faults, InvalidInput, existing
from deldokument.domain.identifiers import Identifier, PersonIdentifier, Sharer
from deldokument.domain.shares.share import Document, Recipient, Share, ShareState, new_id
from deldokument.domain.tenants.agreement import SignatureState
from deldokument.domain.tenants.tenancy import End, instant_of
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, membership_in
from deldokument.services.agreements.status import agreement_status
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import (
    EncryptedColumn,
    identifier_hash,
    open_field,
    seal_field,
)
from deldokument.services.shares.approvals.proposals import approved_proposal, pending_proposal
from deldokument.services.shares.display.disclosure import record_new_author
from deldokument.services.shares.display.views import share_view
from deldokument.services.shares.drafts.copied_documents import copy_documents
from deldokument.services.shares.drafts.new_draft import empty_draft, insert_draft
from deldokument.services.shares.recipients.access_requests import (
    answer_requests,
    asking_recipients,
    drop_requests,
    reopen_requests,
)
from deldokument.services.shares.recipients.organization_names import (
    Answers,
    needs_confirmation,
    refresh_names,
    take_answers,
)
from deldokument.services.shares.recipients.recipients import unconfirm_numbers
from deldokument.services.shares.rights.authorization import (
    check_author,
    check_draft,
    check_may_share,
    note_use,
    share_for_reading,
    share_for_update,
)
from deldokument.services.shares.rights.grants import ShareGrants, share_grants
from deldokument.services.shares.rights.limits import check_draft_rate
from deldokument.services.shares.rights.quota import check_quota
from deldokument.services.shares.scans.verdicts import scan_errors
from deldokument.services.text_fields import with_texts
from deldokument.store.transaction import Transaction


def publish_share(
    deps: Dependencies,
    sharer: Sharer,
    share_id: str,
    documents: Collection[str] | None = None,
    recipients: Collection[str] | None = None,
    end: End | None = None,
) -> Share:
    """Make the draft available to its recipients, or propose it if the account requires four eyes.

    Idempotent, for a browser that lost the response. With ``documents`` or ``recipients``, the draft must have exactly
    these: it raises Conflict if somebody has changed them since the sharer saw them.

    ``end``: for a share created in one request. It was checked before the upload, which may be slow. A period counts
    from now.

    Raises: InvalidFields with all that is missing, InvalidInput for a closed account, Frozen or Conflict.
    """
    answers = refresh_names(deps, sharer, share_id)
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, sharer, share_id)
        if share.state is ShareState.AVAILABLE:
            return share
        check_author(share, membership)
        check_may_share(membership, share)
        for seen, present in ((documents, tx.shares.documents), (recipients, tx.shares.recipients)):
            if seen is not None and {one.id for one in present([share_id])} != set(seen):
                raise Conflict("state_changed")
        if end is not None:
            share = replace(share, expires_at=instant_of(end, deps.clock.now()))
        four_eyes = membership.account.rules.four_eyes
        if pending_proposal(deps, tx, share) is not None:
            return share
        if not four_eyes:
            plain = replace(share, proposed_by=None)
            return _publish(deps, tx, sharer, plain, membership, answers, EventKind.SHARE_PUBLISHED, end=end)
        _check_complete(deps, tx, share, membership, answers, is_end_checked=end is not None)
        proposed = replace(
            share,
            changed_at=deps.clock.now(),
            proposed_by=membership.id,
            sealed_return_note=None,
        )
        tx.shares.save(proposed)
        note_use(deps, tx, membership)
        record_event(deps, tx, EventKind.SHARE_PROPOSED, share=share, person=sharer)
    return proposed


def approve_share(deps: Dependencies, person: PersonIdentifier, share_id: str, *, seen: str) -> Share:
    """Publish the draft that another sharer has proposed.

    Raises: Conflict as ``approved_proposal``; InvalidFields, InvalidInput or Frozen as ``publish_share``.
    """
    answers = refresh_names(deps, person, share_id)
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        if share.state is ShareState.AVAILABLE:
            return share
        check_draft(share.state)
        check_may_share(membership, share)
        approved_proposal(deps, tx, share, person, membership, seen)
        kinds = (EventKind.SHARE_APPROVED, EventKind.SHARE_PUBLISHED)
        return _publish(deps, tx, person, share, membership, answers, *kinds)


def _publish(
    deps: Dependencies,
    tx: Transaction,
    sharer: Sharer,
    share: Share,
    membership: Membership,
    answers: Answers,
    *kinds: EventKind,
    end: End | None = None,
) -> Share:
    is_reviewed = EventKind.SHARE_APPROVED in kinds
    _check_complete(deps, tx, share, membership, answers, is_reviewed=is_reviewed, is_end_checked=end is not None)
    now = deps.clock.now()
    window = deps.config.undo_window_of(membership.account.rules) if share.member_id else None
    published = replace(
        share,
        state=ShareState.AVAILABLE,
        published_at=now,
        changed_at=now,
        undo_until=now + window if window else None,
        sealed_return_note=None,
    )
    tx.shares.save(published)
    answer_requests(deps, tx, published)
    tx.statistics.count_documents(share.id)
    note_use(deps, tx, membership)
    until = existing(published.expires_at).isoformat()
    for kind in kinds:
        details = {"until": until} if kind is EventKind.SHARE_PUBLISHED else {}
        record_event(deps, tx, kind, share=share, person=sharer, **details)
    return published


def _check_complete(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    membership: Membership,
    answers: Answers,
    *,
    is_reviewed: bool = False,
    is_end_checked: bool = False,
) -> None:
    """Raise InvalidFields with everything that prevents publication, or Conflict if the tenant must sign first.

    ``is_reviewed``: a second person approves, and must know the scanner's verdicts, if there is a scanner.

    Published shares stay available even if the tenant has not signed.
    """
    if agreement_status(deps, tx, share.tenant_id).service.state is SignatureState.OVERDUE:
        raise Conflict("signature_overdue")
    documents, faults = tx.shares.documents([share.id]), Faults()
    faults.errors += take_answers(deps, tx, share, answers)
    faults.errors += unfinished_errors(tx, documents)
    faults.errors += _missing(share_grants(deps, share), tx.shares.recipients([share.id]), documents)
    # One person may publish documents that are not scanned yet, because recipients cannot get them before the scan.
    must_be_inspected = is_reviewed and deps.scanner is not None
    faults.errors += scan_errors(deps, share, membership.tenant, documents, must_be_inspected=must_be_inspected)
    length = sum(document.length for document in documents)
    faults.unless(lambda: check_quota(deps, tx, membership.account, length, counted=length), None)
    faults.unless(lambda: _check_end(share, membership, deps.clock.now(), is_checked=is_end_checked), None)
    if membership.tenant.ask_archived and not share.archived:
        faults.errors.append(InvalidInput("archived", "archived_missing"))
    faults.raise_any()


def _missing(grants: ShareGrants, recipients: list[Recipient], documents: list[Document]) -> list[InvalidInput]:
    errors: list[InvalidInput] = []
    if not documents:
        errors.append(InvalidInput("documents", "files_missing"))
    if not recipients:
        errors.append(InvalidInput("recipients", "recipients_missing"))
    elif not all(recipient.confirmed and grants.holder(recipient) for recipient in recipients):
        errors.append(InvalidInput("recipients", "recipients_unconfirmed"))
    return errors


def unfinished_errors(tx: Transaction, documents: list[Document]) -> list[InvalidInput]:
    """Return the error for incomplete documents, if there are any."""
    unfinished = [document.id for document in documents if not document.is_complete]
    if not unfinished:
        return []
    uploads = tx.uploads.of_documents(unfinished)
    are_copies = bool(uploads) and all(upload.sealed_source for upload in uploads)
    return [InvalidInput("documents", "files_copying" if are_copies else "files_unfinished")]


def _check_end(share: Share, membership: Membership, now: datetime, *, is_checked: bool) -> None:
    """Raise InvalidInput unless the account allows the share's end. ``is_checked``: it only must not be over."""
    if share.expires_at is None:
        raise InvalidInput("expires_at", "expiry_missing")
    if not is_checked or share.expires_at <= now:
        membership.account.period(membership.tenant).check(share.expires_at, now)


def undo_publication(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Share:
    """Turn a just published share back into a draft, or withdraw it if somebody has opened it. Idempotent.

    The draft keeps documents that were uploaded beside the share. Its numbers are unconfirmed again. Only the sharer
    may undo: another member could complete the draft with other recipients. Raises: NotFound; Conflict for another
    member, or if it is too late.
    """
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        now = deps.clock.now()
        if share.state is ShareState.DRAFT:
            return share
        if not share.can_be_undone(now):
            raise Conflict("undo_over")
        if membership.id != share.sharer_id:
            raise Conflict("sharer_decides")
        # A recipient who opens it locks the row, too.
        if tx.receipts.of_shares([share_id]):
            return _withdraw(deps, tx, person, share, now)
        undone = replace(
            share,
            state=ShareState.DRAFT,
            published_at=None,
            changed_at=now,
            undo_until=None,
            proposed_by=None,
            sealed_change=None,
            sealed_return_note=None,
        )
        tx.shares.save(undone)
        unconfirm_numbers(deps, tx, undone)
        reopen_requests(tx, share)
        for document in tx.additions.pending([share_id]):
            tx.shares.save_document(replace(document, pending_since=None))
        tx.statistics.count_documents(share_id)
        tx.outbox.drop_waiting(share_id)
        record_event(deps, tx, EventKind.SHARE_UNPUBLISHED, share=share, person=person)
    return undone


def withdraw_share(deps: Dependencies, sharer: Sharer, share_id: str, *, invites: bool = False) -> None:
    """End the share now. Raises: Conflict if it is over already or was never published.

    ``invites``: recipients may ask for a new share; not for use after sharing with a wrong recipient.
    """
    with deps.database.write() as tx:
        share, _ = share_for_update(deps, tx, sharer, share_id)
        now = deps.clock.now()
        if not share.is_open_at(now):
            raise Conflict("share_over")
        _withdraw(deps, tx, sharer, replace(share, invites=invites), now)


def _withdraw(deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, now: datetime) -> Share:
    withdrawn = replace(share, state=ShareState.WITHDRAWN, closed_at=now, changed_at=now)
    tx.shares.save(withdrawn)
    if not share.invites:
        drop_requests(tx, share)
    record_event(deps, tx, EventKind.SHARE_WITHDRAWN, share=share, person=sharer)
    return withdrawn


def copy_share(
    deps: Dependencies, sharer: Sharer, share_id: str, *, only_asking: bool = False, with_documents: bool = False
) -> Share:
    """Create a draft with the title, reference and recipients of another share. Raises: as ``start_draft``.

    A recipient without a valid grant is left out: a copy must not prove what the original does not. ``with_documents``:
    also copy the documents, with the errors of ``copy_documents``. ``only_asking``: copy only the recipients who wait
    for a new share; publishing the copy answers them.
    """
    with deps.database.read() as tx:
        original = share_for_reading(deps, tx, sharer, share_id)
        membership = membership_in(deps, tx, sharer, original.account_id)
        view = share_view(deps, tx, original)
    check_may_share(membership)
    check_draft_rate(deps, sharer)
    empty = empty_draft(deps, membership)
    old, new = share_grants(deps, original), share_grants(deps, empty)
    draft = replace(
        with_texts(new.audit_key, existing(new.share_key), empty, replace(view.texts, message="")),
        answers=original.id if only_asking else None,
        confidential=original.confidential,
    )
    with deps.database.write() as tx:
        insert_draft(deps, tx, draft, sharer)
        # Read in this transaction: a recipient who asks concurrently is either in the copy, or still waits for an
        # answer.
        recipients = asking_recipients(tx, original) if only_asking else tx.shares.recipients([share_id])
        for recipient in recipients:
            holder = old.holder(recipient)
            if holder is not None:
                tx.shares.add_recipient(_copied_recipient(old.audit_key, new, recipient, holder))
        if with_documents:
            copy_documents(deps, tx, original, draft, membership)
        record_new_author(deps, tx, draft, sharer, original.member_id)
    return draft


def _copied_recipient(old_key: bytes, grants: ShareGrants, recipient: Recipient, holder: Identifier) -> Recipient:
    key, confirmed = grants.audit_key, not needs_confirmation(old_key, recipient)
    copied = replace(recipient, id=new_id(), share_id=grants.share.id, confirmed=confirmed)

    def reencrypt(sealed: bytes, field: EncryptedColumn) -> bytes:
        return seal_field(key, open_field(old_key, sealed, field, recipient.id), field, copied.id)

    fresh = replace(
        copied,
        lookup_hash=identifier_hash(key, holder),
        sealed_identifier=seal_field(key, holder.value, EncryptedColumn.RECIPIENT_NUMBER, copied.id),
        sealed_name=reencrypt(recipient.sealed_name, EncryptedColumn.RECIPIENT_NAME),
        sealed_label=reencrypt(recipient.sealed_label, EncryptedColumn.RECIPIENT_LABEL),
        requested_at=None,
        answered_at=None,
        sealed_refusal=None,
    )
    return grants.sealed(fresh, holder)
