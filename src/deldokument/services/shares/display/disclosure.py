"""Full numbers of recipients: for the author of a share, and for systems in KS' interface.

Guarantees:
- A person gets numbers only of an own share, to check them.
- These are the unconfirmed ones of a draft, and all of them while the publication can be undone.
- The event log shows if a person could see numbers that a colleague had typed.
- A system gets full numbers only if it may share and the account's rules say so.
- The event log shows each system that got full numbers: once for each share in ten minutes.
"""

from collections.abc import Sequence
from datetime import timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import NotFound, RightMissing
from deldokument.domain.identifiers import Consumer, PersonIdentifier, Sharer
from deldokument.domain.shares.share import Recipient, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, membership_in, memberships_in
from deldokument.services.audit.actors import acting_integration
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field
from deldokument.services.shares.display.views import ShareView, display_number, share_view
from deldokument.services.shares.rights.authorization import document_for_reading, share_for_reading
from deldokument.store.audit.audit import EventFilter
from deldokument.store.transaction import Transaction

_ONE_DISCLOSURE = timedelta(minutes=10)
_NEWEST = 100
"""Disclosures of a share among which the system's own is looked for."""


def numbers_to_check(
    deps: Dependencies, share: Share, member_id: str | None, recipients: Sequence[Recipient]
) -> dict[str, str]:
    """Return the numbers of persons that the author of a share must check, by recipient; empty for others.

    ``member_id``: the requesting member of the share's account; None for a system.
    """
    is_draft = share.state is ShareState.DRAFT
    is_shown = is_draft or share.can_be_undone(deps.clock.now())
    if not is_shown or member_id is None or share.member_id != member_id:
        return {}
    key = existing_key(deps.keyring, share.audit_key_id)
    shown = [one for one in recipients if one.kind == "person" and not (is_draft and one.confirmed)]
    return {recipient.id: _number(key, recipient) for recipient in shown}


def view_with_numbers(deps: Dependencies, person: PersonIdentifier, share_id: str) -> tuple[ShareView, dict[str, str]]:
    """Return a share, and its ``numbers_to_check`` for the person. Raises: NotFound."""
    with deps.database.read() as tx:
        mine = memberships_in(deps, tx, person)
        share = share_for_reading(deps, tx, person, share_id, mine)
        member_id = next(one.member_id for one in mine if one.account.id == share.account_id)
        numbers = numbers_to_check(deps, share, member_id, tx.shares.recipients([share_id]))
        return share_view(deps, tx, share, mine), numbers


def record_new_author(deps: Dependencies, tx: Transaction, draft: Share, sharer: Sharer, typed_by: str | None) -> None:
    """Record that a person becomes the author of a draft with numbers of persons that another sharer has typed.

    Confirmed numbers count too: they are unconfirmed again when the publication is undone or the proposal returned.
    """
    is_other = isinstance(sharer, PersonIdentifier) and draft.member_id != typed_by
    if is_other and any(one.kind == "person" for one in tx.shares.recipients([draft.id])):
        record_event(deps, tx, EventKind.NUMBERS_DISCLOSED, share=draft, person=sharer)


def document_recipients(deps: Dependencies, sharer: Sharer, account_id: str, document_id: str) -> list[str]:
    """Return the recipients of the share to which a document of the account belongs.

    Numbers of persons are masked and those of organisations grouped, unless the sharer gets full numbers. Raises:
    NotFound.
    """
    with deps.database.read() as tx:
        _, share = document_for_reading(deps, tx, sharer, document_id)
        if share.account_id != account_id:
            raise NotFound("document")
        membership = membership_in(deps, tx, sharer, account_id)
        recipients = tx.shares.recipients([share.id])
    key = existing_key(deps.keyring, share.audit_key_id)
    if not _gets_full_numbers(sharer, membership):
        return [display_number(key, recipient) for recipient in recipients]
    _record_disclosure(deps, share, sharer, membership)
    return [_number(key, recipient) for recipient in recipients]


def full_numbers(deps: Dependencies, sharer: Sharer, share_id: str) -> dict[str, str]:
    """Return the recipients' full numbers, by recipient, and record it.

    Raises: NotFound; RightMissing if the sharer does not get full numbers.
    """
    with deps.database.read() as tx:
        share = share_for_reading(deps, tx, sharer, share_id)
        membership = membership_in(deps, tx, sharer, share.account_id)
        if not _gets_full_numbers(sharer, membership):
            raise RightMissing("full_numbers_missing")
        recipients = tx.shares.all_recipients([share.id])
    key = existing_key(deps.keyring, share.audit_key_id)
    _record_disclosure(deps, share, sharer, membership)
    return {recipient.id: _number(key, recipient) for recipient in recipients}


def _gets_full_numbers(sharer: Sharer, membership: Membership) -> bool:
    gets_all = membership.account.rules.full_numbers and not membership.reads_only
    return gets_all and isinstance(sharer, Consumer)


def _record_disclosure(deps: Dependencies, share: Share, sharer: Sharer, membership: Membership) -> None:
    with deps.database.write() as tx:
        tx.shares.lock(share.id)
        if not _disclosed_just_now(deps, tx, share, membership):
            record_event(deps, tx, EventKind.NUMBERS_DISCLOSED, share=share, person=sharer)


def _disclosed_just_now(deps: Dependencies, tx: Transaction, share: Share, membership: Membership) -> bool:
    since = deps.clock.now() - _ONE_DISCLOSURE
    found = EventFilter(share.tenant_id, since=since, kind=EventKind.NUMBERS_DISCLOSED, share_id=share.id)
    events = (stored.event for stored in tx.audit.newest(found, before=None, limit=_NEWEST))
    return any(acting_integration(event) == membership.integration_id for event in events)


def _number(key: bytes, recipient: Recipient) -> str:
    return open_field(key, recipient.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, recipient.id)
