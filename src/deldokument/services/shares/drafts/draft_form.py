"""Content of a draft's form, read in one transaction.

Guarantees:
- Only sharers of the account get it, as with a share's page.
- It contains only full numbers that `services.shares.display.disclosure` allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.share import Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, memberships_in
from deldokument.services.shares.display.disclosure import numbers_to_check
from deldokument.services.shares.display.views import ShareView, share_view
from deldokument.services.shares.drafts.remarks import NamedHolders, named_holders
from deldokument.services.shares.rights.authorization import share_for_reading
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DraftForm:
    """A draft; by recipient, the numbers that its author must confirm; and the recipients' holders, for remarks."""

    view: ShareView
    numbers: Mapping[str, str]
    named: NamedHolders


def draft_form(deps: Dependencies, person: PersonIdentifier, share_id: str) -> DraftForm:
    """Return the content of the draft's form for the person. Raises: NotFound."""
    with deps.database.read() as tx:
        mine = memberships_in(deps, tx, person)
        return draft_form_in(deps, tx, share_for_reading(deps, tx, person, share_id, mine), mine)


def draft_form_in(deps: Dependencies, tx: Transaction, share: Share, mine: Sequence[Membership]) -> DraftForm:
    """Return the content of the form for the sharer with the memberships ``mine``, within the transaction."""
    recipients = tx.shares.recipients([share.id])
    member_id = next(one.member_id for one in mine if one.account.id == share.account_id)
    return DraftForm(
        view=share_view(deps, tx, share, mine),
        numbers=numbers_to_check(deps, share, member_id, recipients),
        named=named_holders(deps, tx, share, recipients),
    )
