"""«Nylig brukt»: recipients of the shares that a member has recently published from an account.

Guarantees:
- No list is stored: they are read from the account's own shares, as long as the names are kept.
- Only the member's own shares count, and only recipients with valid grants.
- A full number is not shown, only added to a draft of the same account. Like a typed number it must be confirmed.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import NotFound
from deldokument.domain.identifiers import Identifier, OrganizationNumber, PersonIdentifier
from deldokument.domain.shares.share import Recipient
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership, memberships_in
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.shares.rights.authorization import share_for_reading
from deldokument.services.shares.rights.grants import ShareGrants, grants_with
from deldokument.store.transaction import Transaction

MAX_RECENT = 6
"""Recipients of each account."""
_NEWEST = 50
"""Shares of an account among which the member's own are looked for."""
_OWN = 10
"""The member's own shares of an account that are read."""


@dataclass(frozen=True, slots=True)
class RecentRecipient:
    """A recipient of an earlier share. ``display`` is the masked or grouped number; ``name`` is an organisation's."""

    id: str
    display: str
    name: str
    label: str


def recent_recipients(deps: Dependencies, mine: Collection[Membership]) -> dict[str, list[RecentRecipient]]:
    """Return the recipients that a person with these memberships used last, by account, the most recent first."""
    found: dict[str, list[RecentRecipient]] = defaultdict(list)
    with deps.database.read() as tx:
        for account_id, _, shown in _recent(deps, tx, mine):
            found[account_id].append(shown)
    return dict(found)


def recent_number(deps: Dependencies, person: PersonIdentifier, draft_id: str, recipient_id: str) -> str:
    """Return the number of a recently used recipient, for a draft of the same account. Raises: NotFound."""
    with deps.database.read() as tx:
        draft = share_for_reading(deps, tx, person, draft_id)
        mine = [one for one in memberships_in(deps, tx, person) if one.account.id == draft.account_id]
        for _, holder, shown in _recent(deps, tx, mine):
            if shown.id == recipient_id:
                return holder.value
    raise NotFound("recent recipient")


def _recent(
    deps: Dependencies, tx: Transaction, mine: Collection[Membership]
) -> Iterator[tuple[str, Identifier, RecentRecipient]]:
    """Yield account, number and view of recent recipients: each number once, at most MAX_RECENT for an account."""
    lately = [tx.share_lookup.shared_lately(one.id, one.account.id, _NEWEST, _OWN) for one in mine]
    shares = [share for some in lately for share in some if share.intact]
    # The grant under the audit key is enough, so no share keys are fetched.
    keys = deps.keyring.get({share.audit_key_id for share in shares})
    recipients: dict[str, list[Recipient]] = defaultdict(list)
    for recipient in tx.shares.recipients([share.id for share in shares]):
        recipients[recipient.share_id].append(recipient)
    used: dict[str, set[Identifier]] = defaultdict(set)
    for proof in [one for share in shares if (one := grants_with(share, keys))]:
        account_id = proof.share.account_id
        for recipient in recipients[proof.share.id]:
            shown, seen = _show(proof, recipient), used[account_id]
            if shown is not None and shown[0] not in seen and len(seen) < MAX_RECENT:
                seen.add(shown[0])
                yield account_id, *shown


def _show(proof: ShareGrants, recipient: Recipient) -> tuple[Identifier, RecentRecipient] | None:
    """Return number and view; None for a recipient without a valid grant, or whose texts do not open."""
    holder, key = proof.holder(recipient), proof.audit_key
    try:
        name = open_field(key, recipient.sealed_name, EncryptedColumn.RECIPIENT_NAME, recipient.id)
        label = open_field(key, recipient.sealed_label, EncryptedColumn.RECIPIENT_LABEL, recipient.id)
    except IntegrityError:
        return None
    if holder is None:
        return None
    display = holder.grouped if isinstance(holder, OrganizationNumber) else holder.masked
    return holder, RecentRecipient(recipient.id, display, name, label)
