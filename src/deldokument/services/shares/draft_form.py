"""What the form of a draft shows, read in one transaction.

Guarantees:
- As for a share's page: only sharers of the account get it.
- Full numbers and remarks are as services.shares.disclosure and services.shares.remarks promise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deldokument.domain.identifiers import PersonIdentifier
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import memberships_in
from deldokument.services.shares.authorization import share_for_reading
from deldokument.services.shares.disclosure import unconfirmed_numbers
from deldokument.services.shares.remarks import Remark, named_holders, recipient_remarks
from deldokument.services.shares.views import ShareView, share_view


@dataclass(frozen=True, slots=True)
class DraftForm:
    """A draft; by recipient, the numbers that its author must confirm, and the remarks."""

    view: ShareView
    numbers: Mapping[str, str]
    remarks: Mapping[str, Sequence[Remark]]


def draft_form(deps: Dependencies, person: PersonIdentifier, share_id: str) -> DraftForm:
    """Return what the form of the draft shows to the person. Raises: NotFound."""
    with deps.database.read() as tx:
        mine = memberships_in(deps, tx, person)
        share = share_for_reading(deps, tx, person, share_id, mine)
        view = share_view(deps, tx, share, mine)
        recipients = tx.shares.recipients([share.id])
        named = named_holders(deps, tx, share, recipients)
    member_id = next(one.member_id for one in mine if one.account.id == share.account_id)
    numbers = unconfirmed_numbers(deps, share, member_id, recipients)
    return DraftForm(view, numbers, recipient_remarks(deps, person, named))
