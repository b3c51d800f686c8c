"""A sharer's answers to recipients who ask for more time or a new share.

Guarantees:
- An answer applies to all waiting recipients.
- A later end answers every request; a refusal stays until the end is moved or the share is over.
- A new share answers its recipients' requests at its publication, in the same transaction.

The recipient's side is `services.downloads.access_requests`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.access_requests import REASON_LENGTH, RequestState, request_state
from deldokument.domain.shares.share import Recipient, Share
from deldokument.domain.shares.typed_texts import check_text
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field, seal_field
from deldokument.services.shares.rights.authorization import share_for_update
from deldokument.services.shares.rights.grants import share_grants
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """A person's request about a share: its state, when it was sent, and the reason of a refusal."""

    state: RequestState = RequestState.NONE
    at: datetime | None = None
    reason: str = ""


def request_status(
    tx: Transaction, key: bytes, share: Share, recipients: Sequence[Recipient], now: datetime
) -> RequestStatus:
    """Return the most important status of a person's recipients; ``key`` is the audit key."""
    drafts = tx.share_lookup.answering([share.id]) if any(one.is_asking for one in recipients) else []
    begun_at = drafts[0].created_at if drafts else None
    by_state = {request_state(share, one, now, begun_at): one for one in recipients}
    state = next((one for one in RequestState if one in by_state), RequestState.NONE)
    if state in {RequestState.POSSIBLE, RequestState.NONE}:
        return RequestStatus(state)
    recipient = by_state[state]
    reason = open_field(key, recipient.sealed_refusal or b"", EncryptedColumn.REFUSAL, recipient.id)
    return RequestStatus(state, recipient.requested_at, reason)


def refuse_requests(deps: Dependencies, sharer: Sharer, share_id: str, reason: str) -> None:
    """Refuse all waiting requests; do nothing if none waits.

    Raises: InvalidInput for the reason; NotFound; RightMissing.
    """
    reason = check_text(reason, REASON_LENGTH, field="reason", lines=True)
    with deps.database.write() as tx:
        share, _ = share_for_update(deps, tx, sharer, share_id)
        key = existing_key(deps.keyring, share.audit_key_id)
        asking = asking_recipients(tx, share)
        for one in asking:
            sealed = seal_field(key, reason, EncryptedColumn.REFUSAL, one.id)
            tx.shares.save_recipient(replace(one, answered_at=deps.clock.now(), sealed_refusal=sealed))
        if asking:
            record_event(deps, tx, EventKind.ACCESS_REFUSED, share=share, person=sharer)


def answer_requests(deps: Dependencies, tx: Transaction, published: Share) -> None:
    """Record that a published share answers the requests for a new share.

    A recipient who is not in it, because of a removal or a later request, still waits.
    """
    original = tx.shares.lock(published.answers) if published.answers else None
    asking = asking_recipients(tx, original) if original else []
    if original is None or not asking:
        return
    old, new = share_grants(deps, original), share_grants(deps, published)
    holders = {new.holder(one) for one in tx.shares.recipients([published.id])} - {None}
    for one in asking:
        if old.holder(one) in holders:
            tx.shares.save_recipient(replace(one, answered_at=published.published_at))


def reopen_requests(tx: Transaction, published: Share) -> None:
    """Record that an undone share no longer answers requests."""
    original = tx.shares.lock(published.answers) if published.answers else None
    for one in tx.shares.recipients([original.id]) if original else []:
        if one.answered_at == published.published_at and one.sealed_refusal is None:
            tx.shares.save_recipient(replace(one, answered_at=None))


def drop_requests(tx: Transaction, share: Share) -> None:
    """Delete all requests, answered or not: the end has been moved to a later time, or the share is withdrawn."""
    for one in tx.shares.recipients([share.id]):
        if one.requested_at is not None:
            tx.shares.save_recipient(replace(one, requested_at=None, answered_at=None, sealed_refusal=None))


def asking_recipients(tx: Transaction, share: Share) -> list[Recipient]:
    """Return the recipients who wait for an answer."""
    return [one for one in tx.shares.recipients([share.id]) if one.is_asking]
