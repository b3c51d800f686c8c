"""Four eyes for a later end: one member or integration asks for it, another member approves.

    change_expiry ──later end, four eyes──> asked ──approve_extension, another person──> the end is moved
                                              └──return_extension, an earlier end──> not asked

Guarantees:
- If the account requires four eyes, no single person moves an end to a later time. An earlier end needs one person.
- The approved end is the one that the approving person has seen.
- A request lapses when its proposer leaves the account, and when the share ends.
- Each function locks the share's row and checks the state again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, existing
from deldokument.domain.identifiers import PersonIdentifier, Sharer
from deldokument.domain.share import Share
from deldokument.domain.tenancy import Account, End, Integration, Member, instant_of
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import directory_key
from deldokument.services.shares.access_requests import drop_requests
from deldokument.services.shares.authorization import check_not_stopped, share_for_update
from deldokument.services.shares.proposals import ReturnReason, is_proposal_of, living_sharer
from deldokument.services.shares.return_notes import check_reason, seal_return_note


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """A request for a later end, which another member must approve: by whom, and until when."""

    proposer_id: str
    name: str
    until: datetime
    has_no_other_approver: bool

    @property
    def seen(self) -> str:
        """Value that an approval must carry."""
        return self.until.isoformat()


def extension_proposer(tx: Transaction, share: Share, account: Account, now: datetime) -> Member | Integration | None:
    """Return who has asked for a later end that another member must approve, otherwise None."""
    if not (account.rules.four_eyes and share.is_open_at(now) and _is_later(share)):
        return None
    return living_sharer(tx, share.extension_by)


def _is_later(share: Share) -> bool:
    return share.extension_until is not None and share.extension_until > existing(share.expires_at)


def change_expiry(deps: Dependencies, sharer: Sharer, share_id: str, end: End) -> datetime:
    """Move the end, earlier or later; the keys stay the same. If the account requires four eyes, ask for a later end.

    Return the end. Do nothing if it is the present end: a repeated call is no second change, and ends no request.

    Raises: InvalidInput; Conflict if the share is over; Frozen for a later end of a frozen share.
    """
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, sharer, share_id)
        now = deps.clock.now()
        if not share.is_open_at(now):
            raise Conflict("share_over")
        expires_at = instant_of(end, now)
        if expires_at == share.expires_at:
            return expires_at
        is_later = expires_at > existing(share.expires_at)
        if is_later:
            check_not_stopped(membership, share)
        membership.account.period(membership.tenant).check(end, now)
        if is_later and membership.account.rules.four_eyes:
            asked = replace(share, extension_until=expires_at, extension_by=membership.id, sealed_return_note=None)
            tx.shares.save(asked)
            until = expires_at.isoformat()
            record_event(deps, tx, EventKind.EXTENSION_PROPOSED, share=share, person=sharer, until=until)
            return expires_at
        if extension_proposer(tx, share, membership.account, now) is not None:
            _record_returned(deps, tx, share, sharer, ReturnReason.SHORTENED)
        _move(deps, tx, sharer, share, expires_at)
    return expires_at


def approve_extension(deps: Dependencies, person: PersonIdentifier, share_id: str, *, seen: datetime) -> None:
    """Move the end to ``seen``, which another sharer has asked for. Approving it again changes nothing.

    Raises:
    - Conflict for one's own request (as a member of any account), another end than ``seen``, or without a request
    - Conflict, InvalidInput or Frozen as ``change_expiry``
    """
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        now = deps.clock.now()
        if not share.is_open_at(now):
            raise Conflict("share_over")
        proposer = extension_proposer(tx, share, membership.account, now)
        if proposer is None:
            if share.expires_at == seen:
                return
            raise Conflict("not_proposed")
        if is_proposal_of(proposer, identifier_hash(directory_key(deps), person)):
            raise Conflict("own_proposal")
        if share.extension_until != seen:
            raise Conflict("extension_changed")
        check_not_stopped(membership, share)
        membership.account.period(membership.tenant).check(seen, now)
        record_event(deps, tx, EventKind.EXTENSION_APPROVED, share=share, person=person)
        _move(deps, tx, person, share, seen)


def return_extension(deps: Dependencies, person: PersonIdentifier, share_id: str, reason: str = "") -> None:
    """Refuse a later end with a reason, or take back one's own request; do nothing if there is none.

    Raises: InvalidInput for the reason.
    """
    reason = check_reason(reason)
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        proposer = extension_proposer(tx, share, membership.account, deps.clock.now())
        if proposer is None:
            return
        own = is_proposal_of(proposer, identifier_hash(directory_key(deps), person))
        note = None if own else seal_return_note(deps, share, membership.name, reason)
        tx.shares.save(replace(share, extension_until=None, extension_by=None, sealed_return_note=note))
        _record_returned(deps, tx, share, person, ReturnReason.RETRACTED if own else ReturnReason.RETURNED)


def _record_returned(deps: Dependencies, tx: Transaction, share: Share, sharer: Sharer, cause: ReturnReason) -> None:
    record_event(deps, tx, EventKind.EXTENSION_RETURNED, share=share, person=sharer, cause=cause.value)


def _move(deps: Dependencies, tx: Transaction, sharer: Sharer, share: Share, until: datetime) -> None:
    now = deps.clock.now()
    if until > existing(share.expires_at):
        drop_requests(tx, share)
    moved = replace(share, expires_at=until, changed_at=now, extension_until=None, extension_by=None)
    tx.shares.save(replace(moved, sealed_return_note=None))
    record_event(deps, tx, EventKind.EXPIRY_CHANGED, share=share, person=sharer, until=until.isoformat())
