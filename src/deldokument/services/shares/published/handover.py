"""Handover of a draft, with its documents and recipients, to another member of its account.

Guarantees:
- Only the author of a draft can hand it over, and only while no document is being uploaded or copied.
- The colleague can share from the account, and is present. Otherwise nobody could continue the draft.
- The numbers of persons must be confirmed again: the publisher of a draft must have seen each of them in full.
- Released documents are held again: the new author may be the person who released them.
- A proposal of the draft lapses, as with any other change.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidFields, InvalidInput, existing
from deldokument.domain.identifiers import PersonIdentifier, parse_person
from deldokument.domain.shares.policy import Allowed, may_take_over
from deldokument.domain.shares.share import Share
from deldokument.domain.tenants.tenancy import Member
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import memberships_in
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.people import PersonView, StaffRole, by_name, directory_key, view_person
from deldokument.services.shares.approvals.proposals import touch_draft
from deldokument.services.shares.display.disclosure import record_new_author
from deldokument.services.shares.display.views import ShareView, share_view
from deldokument.services.shares.published.publishing import unfinished_errors
from deldokument.services.shares.recipients.recipients import unconfirm_numbers
from deldokument.services.shares.rights.authorization import editable_draft, share_for_reading
from deldokument.services.shares.rights.limits import has_most_drafts
from deldokument.services.shares.scans.held_documents import hold_in
from deldokument.store.transaction import Transaction

_MOST_LISTED = 5000
"""Colleagues to choose from, at most."""


@dataclass(frozen=True, slots=True)
class HandoverForm:
    """A draft, and the members of its account who can take it over, by name."""

    view: ShareView
    colleagues: Sequence[PersonView]


def handover_form(deps: Dependencies, person: PersonIdentifier, share_id: str) -> HandoverForm:
    """Return the draft and the colleagues to choose from. Raises: NotFound."""
    key, now = directory_key(deps), deps.clock.now()
    with deps.database.read() as tx:
        mine = memberships_in(deps, tx, person)
        share = share_for_reading(deps, tx, person, share_id, mine)
        found = tx.members.acting(share.account_id, _MOST_LISTED)
        possible = [one for one in found if isinstance(may_take_over(one, share, now), Allowed)]
        colleagues = by_name(view_person(key, StaffRole.MEMBER, one) for one in possible)
        return HandoverForm(share_view(deps, tx, share, mine), colleagues)


def hand_over(deps: Dependencies, person: PersonIdentifier, share_id: str, colleague_id: str) -> Share:
    """Make another member the author of the draft; return the draft.

    Raises: as ``editable_draft``; InvalidInput for the colleague; InvalidFields for unfinished documents.
    """
    with deps.database.write() as tx:
        share, membership = editable_draft(deps, tx, person, share_id)
        colleague, documents = _colleague(deps, tx, share, colleague_id), tx.shares.documents([share.id])
        if errors := unfinished_errors(tx, documents):
            raise InvalidFields(errors)
        unconfirm_numbers(deps, tx, share)
        for released in (one for one in documents if one.sealed_release):
            hold_in(deps, tx, share, membership, person, released.id)
        # Recorded first, so that it is the only event of the change.
        details = {"author": existing(share.member_id), "member": colleague.id}
        record_event(deps, tx, EventKind.DRAFT_HANDED_OVER, share=share, person=person, **details)
        handed = touch_draft(deps, tx, replace(share, member_id=colleague.id), person)
        record_new_author(deps, tx, handed, _person(deps, colleague), share.member_id)
    return handed


def _colleague(deps: Dependencies, tx: Transaction, share: Share, colleague_id: str) -> Member:
    colleague = tx.members.get(colleague_id)
    if colleague is None or not isinstance(may_take_over(colleague, share, deps.clock.now()), Allowed):
        raise InvalidInput("colleague", "colleague_missing")
    if has_most_drafts(deps, tx, share.account_id, colleague.id):
        raise InvalidInput("colleague", "colleague_has_drafts", most=deps.config.max_drafts)
    return colleague


def _person(deps: Dependencies, member: Member) -> PersonIdentifier:
    number = open_field(directory_key(deps), member.sealed_identifier, EncryptedColumn.MEMBER_NUMBER, member.id)
    return parse_person(number, allow_synthetic=True)
