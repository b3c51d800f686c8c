"""Changes of a published share: recipients removed, texts corrected, the content marked as confidential or not.

Guarantees:
- A removed recipient gets nothing from the commit on; running downloads end at their next check. Others notice nothing.
- The removed recipient's row stays as a tombstone until the share is erased, so that the receipts stay complete.
- If the account requires four eyes, no single person changes what recipients see, or lets more persons in.
- Each function locks the share's row and checks the state again. A change is one transaction.

A later or earlier end is in services.shares.extensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound, require
from deldokument.domain.identifiers import Sharer
from deldokument.domain.share import (
    LABEL_LENGTH,
    MESSAGE_LENGTH,
    REFERENCE_LENGTH,
    TITLE_LENGTH,
    Recipient,
    Share,
    check_text,
)
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.accounts.members import Membership
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import (
    EncryptedColumn,
    existing_key,
    message_key,
    open_field,
    reference_hash,
    seal_field,
    share_key_id,
)
from deldokument.services.shares.authorization import check_not_stopped, share_for_update
from deldokument.services.shares.views import open_message

CONFIDENTIAL, ORDINARY = "confidential", "ordinary"
"""In the detail ``now`` of an event."""


@dataclass(frozen=True, slots=True, repr=False)
class Correction:
    """New values of a published share; None keeps the present one. ``labels`` are by the recipient's id."""

    title: str | None = None
    message: str | None = None
    reference: str | None = None
    confidential: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


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
        tx.shares.retire_recipient(removed.removed(now))
        tx.shares.save(replace(share, changed_at=now))
        record_event(deps, tx, EventKind.RECIPIENT_REMOVED, share=share, person=sharer, recipient=recipient_id)


def correct_share(deps: Dependencies, sharer: Sharer, share_id: str, correction: Correction) -> None:
    """Correct the texts of an open share, or mark it as confidential or not. Do nothing if nothing differs.

    Raises: InvalidInput; NotFound for an unknown recipient; Conflict if the share is over, or if the account requires
    four eyes for such a change; Frozen.
    """
    tidy = _checked(correction)
    with deps.database.write() as tx:
        share, membership = _open_share(deps, tx, sharer, share_id)
        check_not_stopped(membership, share)
        recipients = {recipient.id: recipient for recipient in tx.shares.recipients([share_id])}
        if not tidy.labels.keys() <= recipients.keys():
            raise NotFound("recipient")
        wanted = _without_present_values(deps, share, recipients, tidy)
        _check_may_alone(membership, wanted)
        _apply(deps, tx, sharer, share, recipients, wanted)


def _open_share(deps: Dependencies, tx: Transaction, sharer: Sharer, share_id: str) -> tuple[Share, Membership]:
    share, membership = share_for_update(deps, tx, sharer, share_id)
    if not share.is_open_at(deps.clock.now()):
        raise Conflict("share_over")
    return share, membership


def _checked(correction: Correction) -> Correction:
    def tidy(text: str | None, longest: int, name: str) -> str | None:
        return None if text is None else check_text(text, longest, field=name, lines=name == "message")

    return replace(
        correction,
        title=tidy(correction.title, TITLE_LENGTH, "title"),
        message=tidy(correction.message, MESSAGE_LENGTH, "message"),
        reference=tidy(correction.reference, REFERENCE_LENGTH, "reference"),
        labels={
            recipient_id: check_text(label, LABEL_LENGTH, field=f"label-{recipient_id}")
            for recipient_id, label in correction.labels.items()
        },
    )


def _without_present_values(
    deps: Dependencies, share: Share, recipients: Mapping[str, Recipient], wanted: Correction
) -> Correction:
    """Return the correction without the values that the share has already."""
    key = existing_key(deps.keyring, share.audit_key_id)
    title = open_field(key, share.sealed_title, EncryptedColumn.TITLE, share.id)
    message = open_message(share, existing_key(deps.keyring, share_key_id(share.id)))
    reference = open_field(key, share.sealed_reference, EncryptedColumn.REFERENCE, share.id)
    labels = {
        one: open_field(key, recipients[one].sealed_label, EncryptedColumn.RECIPIENT_LABEL, one)
        for one in wanted.labels
    }
    return Correction(
        title=None if wanted.title == title else wanted.title,
        message=None if wanted.message == message else wanted.message,
        reference=None if wanted.reference == reference else wanted.reference,
        confidential=None if wanted.confidential == share.confidential else wanted.confidential,
        labels={one: label for one, label in wanted.labels.items() if label != labels[one]},
    )


def _check_may_alone(membership: Membership, wanted: Correction) -> None:
    """Raise Conflict for a change that recipients see, or that lets more persons in, if the account has four eyes.

    Case number and labels are only for the account's members.
    """
    is_shown = wanted.title is not None or wanted.message is not None
    if membership.account.rules.four_eyes and (is_shown or wanted.confidential is False):
        raise Conflict("change_needs_approval")


def _apply(
    deps: Dependencies,
    tx: Transaction,
    sharer: Sharer,
    share: Share,
    recipients: Mapping[str, Recipient],
    wanted: Correction,
) -> None:
    texts = ("title", "message", "reference")
    changed = [name for name in texts if getattr(wanted, name) is not None] + ["label"] * bool(wanted.labels)
    if not changed and wanted.confidential is None:
        return
    key = existing_key(deps.keyring, share.audit_key_id)
    for recipient_id, label in wanted.labels.items():
        sealed = seal_field(key, label, EncryptedColumn.RECIPIENT_LABEL, recipient_id)
        tx.shares.save_recipient(replace(recipients[recipient_id], sealed_label=sealed))
    tx.shares.save(_corrected(deps, share, key, wanted))
    if changed:
        record_event(deps, tx, EventKind.SHARE_CORRECTED, share=share, person=sharer, changed=",".join(changed))
    if wanted.confidential is not None:
        now = CONFIDENTIAL if wanted.confidential else ORDINARY
        record_event(deps, tx, EventKind.CONFIDENTIALITY_CHANGED, share=share, person=sharer, now=now)


def _corrected(deps: Dependencies, share: Share, key: bytes, wanted: Correction) -> Share:
    corrected = replace(share, changed_at=deps.clock.now())
    if wanted.title is not None:
        sealed = seal_field(key, wanted.title, EncryptedColumn.TITLE, share.id)
        corrected = replace(corrected, sealed_title=sealed)
    if wanted.message is not None:
        text_key = message_key(existing_key(deps.keyring, share_key_id(share.id)), share.id)
        sealed = seal_field(text_key, wanted.message, EncryptedColumn.MESSAGE, share.id)
        corrected = replace(corrected, sealed_message=sealed)
    if wanted.reference is not None:
        sealed = seal_field(key, wanted.reference, EncryptedColumn.REFERENCE, share.id)
        hashed = reference_hash(key, wanted.reference)
        corrected = replace(corrected, sealed_reference=sealed, reference_hash=hashed)
    if wanted.confidential is not None:
        corrected = replace(corrected, confidential=wanted.confidential)
    return corrected
