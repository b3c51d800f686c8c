"""Changes of a published share: recipients, documents, texts, confidentiality and end.

    change_share ──gives access, not the sharer; or four eyes──> proposed ──approve_change, another person──> changed
         └──otherwise──> changed                                     └──return_proposal──> unchanged

Guarantees:
- A removed recipient loses access with the commit; running downloads end at their next check. Others are not affected.
- A removed document is no longer sent after the commit. Its parts become garbage in the same transaction.
- A tombstone of both stays until the share is erased, so that the receipts stay complete.
- Only the sharer gives access to more persons or documents, or approves that. If the sharer has left or is absent,
  another person approves, who was a member before the publication.
- If the account requires four eyes, no single person changes texts that recipients see, gives more persons access, or
  extends access.
- An added document is offered after the commit, with all others of the same change. Its upload is in `additions`.
- The approved change is the one that the approver has seen.
- Each function locks the share's row and checks the state again. A change is one transaction.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, existing, require
from deldokument.domain.identifiers import PersonIdentifier, Sharer
from deldokument.domain.shares.share import Recipient, RemovedDocument, Share
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.domain.shares.typed_texts import LABEL_LENGTH, check_text
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    identifier_hash,
    open_field,
    seal_field,
    share_key_id,
)
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.approvals.proposals import (
    ReturnReason,
    approved_proposal,
    drop_proposed_end,
    end_proposal,
    keep_change,
    pending_proposal,
)
from deldokument.services.shares.drafts.additions import check_additions, publish_additions, still_pending
from deldokument.services.shares.recipients.access_requests import drop_requests
from deldokument.services.shares.recipients.recipients import RecipientInput, check_recipients, insert_recipients
from deldokument.services.shares.rights.authorization import check_not_stopped, share_for_reading, share_for_update
from deldokument.services.shares.rights.limits import check_lookup_rate
from deldokument.services.text_fields import open_texts, with_texts
from deldokument.store.transaction import Transaction

CONFIDENTIAL, ORDINARY = "confidential", "ordinary"
"""In the detail ``now`` of an event."""
IN_PLACE = "in_place"
"""In the detail ``cause`` of an approval: others let persons or documents in, in place of the one who shared."""


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
        # The account's quota no longer counts it.
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


def change_share(
    deps: Dependencies, sharer: Sharer, share_id: str, change: Change, *, asked_at: datetime | None = None
) -> bool:
    """Change an open share, or propose the part that needs another member's approval; return whether a part waits.

    Does nothing if nothing differs. The sharer's earlier proposal is merged with the new one; another's is replaced. If
    an end is set, an earlier proposal of a later end lapses, without the rest of that proposal. The period until the
    end counts from ``asked_at``, or from now.

    Raises:
    - InvalidInput; NotFound for an unknown recipient or document; InvalidFields for documents that cannot be added yet
    - Conflict if the share is over; Frozen unless only an earlier end is set
    """
    tidy = _check_texts(change)
    with deps.database.write() as tx:
        share, membership = _open_share(deps, tx, sharer, share_id)
        end = existing(share.expires_at)
        if tidy != Change(expires_at=min(tidy.expires_at or end, end)):
            check_not_stopped(membership, share)
        wanted = _checked_difference(deps, tx, share, membership, tidy, asked_at)
        rule = {"is_sharer": membership.id == share.sharer_id, "four_eyes": membership.account.rules.four_eyes}
        alone, together = wanted.divide(end, **rule)
        share = _apply(deps, tx, sharer, share, alone)
        if not together.is_empty:
            _propose(deps, tx, sharer, share, membership, together)
        return not together.is_empty


def _propose(
    deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, membership: Membership, wanted: Change
) -> None:
    earlier = pending_proposal(deps, tx, share)
    if earlier and earlier.change and earlier.proposer.id == membership.id:
        wanted = earlier.change.with_later(wanted)
    elif earlier:
        share = end_proposal(deps, tx, share, earlier, sharer, ReturnReason.REPLACED)
        earlier = None
    keep_change(deps, tx, share, wanted, membership.id, earlier)
    record_event(deps, tx, EventKind.CHANGE_PROPOSED, share=share, person=sharer, **wanted.details)


def approve_change(deps: Dependencies, person: PersonIdentifier, share_id: str, *, seen: str) -> None:
    """Apply the change that another sharer has proposed.

    Raises: Conflict as ``approved_proposal``; Conflict or Frozen as ``change_share``.
    """
    with deps.database.write() as tx:
        share, membership = _open_share(deps, tx, person, share_id)
        proposal = approved_proposal(deps, tx, share, person, membership, seen)
        change = existing(proposal.change)
        check_not_stopped(membership, share)
        cause = {"cause": IN_PLACE} if proposal.approvers.before else {}
        record_event(deps, tx, EventKind.CHANGE_APPROVED, share=share, person=person, **change.details, **cause)
        wanted = _checked_difference(deps, tx, share, membership, change)
        settled = replace(share, sealed_change=None, sealed_return_note=None)
        tx.shares.save(settled)
        _apply(deps, tx, person, settled, wanted)


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


def _check_texts(change: Change) -> Change:
    return replace(
        change,
        texts={name: TEXT_FIELDS[name].check(text) for name, text in change.texts.items()},
        labels={one: check_text(label, LABEL_LENGTH, field="label") for one, label in change.labels.items()},
    )


def _checked_difference(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    membership: Membership,
    wanted: Change,
    asked_at: datetime | None = None,
) -> Change:
    """Return the change without the values and recipients that the share already has.

    Raises: NotFound for a label of another share's recipient; InvalidInput for an end outside the account's period; as
    ``check_additions``.
    """
    key = existing_key(deps.keyring, share.audit_key_id)
    present = asdict(open_texts(key, existing_key(deps.keyring, share_key_id(share.id)), share))
    recipients = {recipient.id: recipient for recipient in tx.shares.recipients([share.id])}
    if not wanted.labels.keys() <= recipients.keys():
        raise NotFound("recipient")
    hashes = {recipient.lookup_hash for recipient in recipients.values()}
    expires_at = None if wanted.expires_at == share.expires_at else wanted.expires_at
    if expires_at is not None:
        membership.account.period(membership.tenant).check(expires_at, asked_at or deps.clock.now())
    documents = still_pending(tx, share, wanted.documents)
    check_additions(deps, tx, share, membership, documents)
    return Change(
        texts={name: text for name, text in wanted.texts.items() if text != present[name]},
        confidential=None if wanted.confidential == share.confidential else wanted.confidential,
        labels={one: label for one, label in wanted.labels.items() if label != _label(key, recipients[one])},
        added={one: new for one, new in wanted.added.items() if identifier_hash(key, one) not in hashes},
        expires_at=expires_at,
        documents=documents,
    )


def _label(key: bytes, recipient: Recipient) -> str:
    return open_field(key, recipient.sealed_label, EncryptedColumn.RECIPIENT_LABEL, recipient.id)


def _apply(deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, wanted: Change) -> Share:
    """Write what differs, with its events; return the share."""
    if wanted.is_empty:
        return share
    if wanted.expires_at is not None:
        share = _move_end(deps, tx, sharer, share, wanted.expires_at)
    changed = _apply_change(deps, share, wanted)
    tx.shares.save(changed)
    _label_recipients(deps, tx, share, wanted.labels)
    before = {recipient.id for recipient in tx.shares.recipients([share.id])}
    insert_recipients(deps, tx, share, wanted.added)
    for recipient in tx.shares.recipients([share.id]):
        if recipient.id not in before:
            record_event(deps, tx, EventKind.RECIPIENT_ADDED, share=share, person=sharer, recipient=recipient.id)
    publish_additions(deps, tx, sharer, share, wanted.documents)
    if wanted.corrected:
        changes = ",".join(wanted.corrected)
        record_event(deps, tx, EventKind.SHARE_CORRECTED, share=share, person=sharer, changed=changes)
    if wanted.confidential is not None:
        now = CONFIDENTIAL if wanted.confidential else ORDINARY
        record_event(deps, tx, EventKind.CONFIDENTIALITY_CHANGED, share=share, person=sharer, now=now)
    return changed


def _move_end(deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, until: datetime) -> Share:
    """Return the share with the new end. A proposed other end lapses, and requests for more time are answered."""
    if until > existing(share.expires_at):
        drop_requests(tx, share)
    share = drop_proposed_end(deps, tx, share, sharer)
    record_event(deps, tx, EventKind.EXPIRY_CHANGED, share=share, person=sharer, until=until.isoformat())
    return replace(share, expires_at=until, sealed_return_note=None)


def _label_recipients(deps: Dependencies, tx: Transaction, share: Share, labels: Mapping[str, str]) -> None:
    key = existing_key(deps.keyring, share.audit_key_id)
    for recipient in tx.shares.recipients([share.id]):
        if recipient.id in labels:
            sealed = seal_field(key, labels[recipient.id], EncryptedColumn.RECIPIENT_LABEL, recipient.id)
            tx.shares.save_recipient(replace(recipient, sealed_label=sealed))


def _apply_change(deps: Dependencies, share: Share, wanted: Change) -> Share:
    key = existing_key(deps.keyring, share.audit_key_id)
    changed = replace(share, changed_at=deps.clock.now())
    if wanted.texts:
        share_key = existing_key(deps.keyring, share_key_id(share.id))
        texts = replace(open_texts(key, share_key, share), **wanted.texts)
        changed = with_texts(key, share_key, changed, texts)
    if wanted.confidential is not None:
        changed = replace(changed, confidential=wanted.confidential)
    return changed
