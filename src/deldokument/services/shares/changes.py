"""Changes of a published share: recipients and documents removed and added, texts and confidentiality changed.

    change_share ──shown to recipients, four eyes──> proposed ──approve_change, another person──> changed
         └──otherwise──> changed                         └──return_change──> unchanged

Guarantees:
- A removed recipient gets nothing from the commit on; running downloads end at their next check. Others notice nothing.
- A removed document is sent to nobody from the commit on. Its parts become garbage in the same transaction.
- A tombstone of both stays until the share is erased, so that the receipts stay complete.
- If the account requires four eyes, no single person changes what recipients see, or lets more persons in.
- An added document is offered from the commit on, with all others of the same change. Its upload is in additions.
- The approved change is the one that the approving person has seen.
- Each function locks the share's row and checks the state again. A change is one transaction.

A later or earlier end is in services.shares.extensions.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, require
from deldokument.domain.identifiers import PersonIdentifier, Sharer
from deldokument.domain.share import Recipient, RemovedDocument, Share
from deldokument.domain.share_texts import LABEL_LENGTH, MESSAGE_LENGTH, REFERENCE_LENGTH, TITLE_LENGTH, check_text
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.accounts.members import Membership
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    identifier_hash,
    message_key,
    open_field,
    reference_hash,
    seal_field,
    share_key_id,
)
from deldokument.services.people import directory_key
from deldokument.services.shares.additions import check_additions, publish_additions, still_pending
from deldokument.services.shares.authorization import check_not_stopped, share_for_reading, share_for_update
from deldokument.services.shares.change_records import (
    Change,
    ProposedChange,
    change_proposer,
    open_change,
    seal_change,
)
from deldokument.services.shares.limits import check_lookup_rate
from deldokument.services.shares.proposals import ReturnReason, is_proposal_of
from deldokument.services.shares.recipients import RecipientInput, check_recipients, insert_recipients
from deldokument.services.shares.return_notes import check_reason, seal_return_note
from deldokument.services.shares.views import open_message

CONFIDENTIAL, ORDINARY = "confidential", "ordinary"
"""In the detail ``now`` of an event."""


def remove_recipient(deps: Dependencies, sharer: Sharer, share_id: str, recipient_id: str) -> None:
    """Remove a recipient from an open share, at once.

    Raises: NotFound; Conflict if the share is over, or would have no recipient.
    """
    with deps.database.write() as tx:
        share, _ = _open_share(deps, tx, sharer, share_id)
        recipients = {recipient.id: recipient for recipient in tx.shares.recipients([share_id])}
        removed = require(recipients.get(recipient_id), "recipient")
        if len(recipients) == 1:
            raise Conflict("last_recipient")
        now = deps.clock.now()
        tx.shares.retire_recipient(_tombstone(removed, now))
        tx.shares.save(replace(share, changed_at=now))
        record_event(deps, tx, EventKind.RECIPIENT_REMOVED, share=share, person=sharer, recipient=recipient_id)


def remove_document(deps: Dependencies, sharer: Sharer, share_id: str, document_id: str) -> None:
    """Remove a document from an open share, at once.

    Raises: NotFound; Conflict if the share is over, or would have no document.
    """
    with deps.database.write() as tx:
        share, _ = _open_share(deps, tx, sharer, share_id)
        documents = {document.id: document for document in tx.shares.documents([share_id])}
        gone = require(documents.get(document_id), "document")
        if len(documents) == 1:
            raise Conflict("last_document")
        now = deps.clock.now()
        tombstone = RemovedDocument(
            gone.id, share.id, gone.sealed_name, gone.length, gone.position, now, gone.sealed_sha256
        )
        tx.shares.remove_document(gone.id, now, tombstone)
        tx.shares.save(replace(share, changed_at=now))
        # The account's quota counts it no longer.
        tx.statistics.count_documents(share_id)
        record_event(deps, tx, EventKind.DOCUMENT_REMOVED, share=share, person=sharer, document=document_id)


def add_recipients(deps: Dependencies, sharer: Sharer, share_id: str, inputs: Sequence[RecipientInput]) -> bool:
    """Add all the recipients to an open share, or none; return as ``change_share``.

    Raises: as ``check_recipients`` and ``change_share``; InvalidFields for a number that is not confirmed.
    """
    with deps.database.read() as tx:
        _check_open(deps, share_for_reading(deps, tx, sharer, share_id))
    check_lookup_rate(deps, sharer, len(inputs))
    checked = check_recipients(deps, inputs)
    if not all(recipient.confirmed for recipient in checked.values()):
        raise InvalidFields([InvalidInput("recipients", "recipients_unconfirmed")])
    return change_share(deps, sharer, share_id, Change(added=checked))


def change_share(deps: Dependencies, sharer: Sharer, share_id: str, change: Change) -> bool:
    """Change an open share, or propose the part that needs another member's approval; return whether something waits.

    Do nothing if nothing differs. A proposed change replaces an earlier one.
    Raises: InvalidInput; NotFound for an unknown recipient or document; Conflict if the share is over; Frozen;
    InvalidFields for documents that cannot be added yet.
    """
    tidy = _checked(change)
    with deps.database.write() as tx:
        share, membership = _open_share(deps, tx, sharer, share_id)
        check_not_stopped(membership, share)
        wanted = _without_present_values(deps, tx, share, tidy)
        check_additions(deps, tx, share, membership, wanted.documents)
        if not membership.account.rules.four_eyes:
            _apply(deps, tx, sharer, share, wanted)
            return False
        alone, together = wanted.divided()
        share = _apply(deps, tx, sharer, share, alone)
        if together.is_empty:
            return False
        share_key = existing_key(deps.keyring, share_key_id(share.id))
        proposed = ProposedChange(together, membership.id, deps.clock.now())
        sealed = seal_change(share_key, share.id, proposed)
        tx.shares.save(replace(share, sealed_change=sealed, sealed_return_note=None))
        record_event(deps, tx, EventKind.CHANGE_PROPOSED, share=share, person=sharer)
        return True


def approve_change(deps: Dependencies, person: PersonIdentifier, share_id: str, *, seen: str) -> None:
    """Make the change that another sharer has proposed; ``seen`` is the one that the person reviewed.

    Raises:
    - Conflict for one's own proposal (as a member of any account), another change than ``seen``, or without a proposal
    - Conflict or Frozen as ``change_share``
    """
    with deps.database.write() as tx:
        share, membership = _open_share(deps, tx, person, share_id)
        proposed = open_change(existing_key(deps.keyring, share_key_id(share.id)), share)
        proposer = change_proposer(tx, membership.account, proposed)
        if proposer is None or proposed is None:
            raise Conflict("not_proposed")
        if is_proposal_of(proposer, identifier_hash(directory_key(deps), person)):
            raise Conflict("own_proposal")
        if proposed.at.isoformat() != seen:
            raise Conflict("change_changed")
        check_not_stopped(membership, share)
        record_event(deps, tx, EventKind.CHANGE_APPROVED, share=share, person=person)
        wanted = _without_present_values(deps, tx, share, proposed.change)
        check_additions(deps, tx, share, membership, wanted.documents)
        settled = replace(share, sealed_change=None, sealed_return_note=None)
        tx.shares.save(settled)
        _apply(deps, tx, person, settled, wanted)


def return_change(deps: Dependencies, person: PersonIdentifier, share_id: str, reason: str = "") -> None:
    """Refuse a change that is proposed, with a reason, or take back one's own; do nothing if there is none.

    Raises: InvalidInput for the reason; Conflict if the share is over.
    """
    reason = check_reason(reason)
    with deps.database.write() as tx:
        share, membership = _open_share(deps, tx, person, share_id)
        proposed = open_change(existing_key(deps.keyring, share_key_id(share.id)), share)
        proposer = change_proposer(tx, membership.account, proposed)
        if proposer is None:
            return
        own = is_proposal_of(proposer, identifier_hash(directory_key(deps), person))
        note = None if own else seal_return_note(deps, share, membership.name, reason)
        tx.shares.save(replace(share, sealed_change=None, sealed_return_note=note))
        cause = ReturnReason.RETRACTED if own else ReturnReason.RETURNED
        record_event(deps, tx, EventKind.CHANGE_RETURNED, share=share, person=person, cause=cause.value)


def _tombstone(recipient: Recipient, now: datetime) -> Recipient:
    """Return the recipient without grants, and with a hash that finds nobody, so that it can be added again."""
    nobody = secrets.token_bytes(len(recipient.lookup_hash))
    return replace(recipient, lookup_hash=nobody, sealed_grant=b"", sealed_audit_grant=b"", removed_at=now)


def _open_share(deps: Dependencies, tx: Transaction, sharer: Sharer, share_id: str) -> tuple[Share, Membership]:
    share, membership = share_for_update(deps, tx, sharer, share_id)
    _check_open(deps, share)
    return share, membership


def _check_open(deps: Dependencies, share: Share) -> None:
    if not share.is_open_at(deps.clock.now()):
        raise Conflict("share_over")


def _checked(change: Change) -> Change:
    def tidy(text: str | None, longest: int, name: str) -> str | None:
        return None if text is None else check_text(text, longest, field=name, lines=name == "message")

    return replace(
        change,
        title=tidy(change.title, TITLE_LENGTH, "title"),
        message=tidy(change.message, MESSAGE_LENGTH, "message"),
        reference=tidy(change.reference, REFERENCE_LENGTH, "reference"),
        labels={one: check_text(label, LABEL_LENGTH, field="label") for one, label in change.labels.items()},
    )


def _without_present_values(deps: Dependencies, tx: Transaction, share: Share, wanted: Change) -> Change:
    """Return the change without the values and recipients that the share has already.

    Raises: NotFound for a label of another share's recipient.
    """
    key = existing_key(deps.keyring, share.audit_key_id)
    title = open_field(key, share.sealed_title, EncryptedColumn.TITLE, share.id)
    message = open_message(share, existing_key(deps.keyring, share_key_id(share.id)))
    reference = open_field(key, share.sealed_reference, EncryptedColumn.REFERENCE, share.id)
    recipients = {recipient.id: recipient for recipient in tx.shares.recipients([share.id])}
    if not wanted.labels.keys() <= recipients.keys():
        raise NotFound("recipient")
    hashes = {recipient.lookup_hash for recipient in recipients.values()}
    return Change(
        title=None if wanted.title == title else wanted.title,
        message=None if wanted.message == message else wanted.message,
        reference=None if wanted.reference == reference else wanted.reference,
        confidential=None if wanted.confidential == share.confidential else wanted.confidential,
        labels={one: label for one, label in wanted.labels.items() if label != _label(key, recipients[one])},
        added={one: new for one, new in wanted.added.items() if identifier_hash(key, one) not in hashes},
        documents=still_pending(tx, share, wanted.documents),
    )


def _label(key: bytes, recipient: Recipient) -> str:
    return open_field(key, recipient.sealed_label, EncryptedColumn.RECIPIENT_LABEL, recipient.id)


def _apply(deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, wanted: Change) -> Share:
    """Write what differs, with its events; return the share."""
    if wanted.is_empty:
        return share
    changed = _changed(deps, share, wanted)
    tx.shares.save(changed)
    _label_recipients(deps, tx, share, wanted.labels)
    before = {recipient.id for recipient in tx.shares.recipients([share.id])}
    insert_recipients(deps, tx, share, wanted.added)
    for recipient in tx.shares.recipients([share.id]):
        if recipient.id not in before:
            record_event(deps, tx, EventKind.RECIPIENT_ADDED, share=share, person=sharer, recipient=recipient.id)
    publish_additions(deps, tx, sharer, share, wanted.documents)
    if wanted.texts:
        record_event(deps, tx, EventKind.SHARE_CORRECTED, share=share, person=sharer, changed=",".join(wanted.texts))
    if wanted.confidential is not None:
        now = CONFIDENTIAL if wanted.confidential else ORDINARY
        record_event(deps, tx, EventKind.CONFIDENTIALITY_CHANGED, share=share, person=sharer, now=now)
    return changed


def _label_recipients(deps: Dependencies, tx: Transaction, share: Share, labels: Mapping[str, str]) -> None:
    key = existing_key(deps.keyring, share.audit_key_id)
    for recipient in tx.shares.recipients([share.id]):
        if recipient.id in labels:
            sealed = seal_field(key, labels[recipient.id], EncryptedColumn.RECIPIENT_LABEL, recipient.id)
            tx.shares.save_recipient(replace(recipient, sealed_label=sealed))


def _changed(deps: Dependencies, share: Share, wanted: Change) -> Share:
    key = existing_key(deps.keyring, share.audit_key_id)
    changed = replace(share, changed_at=deps.clock.now())
    if wanted.title is not None:
        changed = replace(changed, sealed_title=seal_field(key, wanted.title, EncryptedColumn.TITLE, share.id))
    if wanted.message is not None:
        text_key = message_key(existing_key(deps.keyring, share_key_id(share.id)), share.id)
        sealed = seal_field(text_key, wanted.message, EncryptedColumn.MESSAGE, share.id)
        changed = replace(changed, sealed_message=sealed)
    if wanted.reference is not None:
        sealed = seal_field(key, wanted.reference, EncryptedColumn.REFERENCE, share.id)
        hashed = reference_hash(key, wanted.reference)
        changed = replace(changed, sealed_reference=sealed, reference_hash=hashed)
    if wanted.confidential is not None:
        changed = replace(changed, confidential=wanted.confidential)
    return changed
