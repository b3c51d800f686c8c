"""Remarks about the recipients of a draft, to prevent wrong ones.

Guarantees:
- Nothing is stored for them. Whether the account has used a recipient before is looked up by the keyed hashes of its
  shares, as long as those are kept.
- A remark does not prevent sharing.
- If the register is unavailable, there are no remarks from it, and no further lookups.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from deldokument.domain.errors import Unavailable
from deldokument.domain.identifiers import Identifier, OrganizationNumber, PersonIdentifier
from deldokument.domain.shares.share import Recipient, Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import identifier_hashes
from deldokument.services.shares.rights.grants import share_grants
from deldokument.store.transaction import Transaction


class Remark(StrEnum):
    """A remark of the form about a recipient."""

    OWN = "own"
    """It is the number of the person who shares."""
    WINDING_UP = "winding_up"
    FIRST = "first"
    """The account has shared nothing with this recipient before."""


@dataclass(frozen=True, slots=True)
class NamedHolders:
    """The persons and organisations that a draft names, by recipient id.

    ``known``: those of them with whom the account has shared before.
    """

    by_recipient: Mapping[str, Identifier]
    known: Collection[Identifier]


def named_holders(deps: Dependencies, tx: Transaction, draft: Share, recipients: Sequence[Recipient]) -> NamedHolders:
    """Return the persons and organisations that a draft's recipients are."""
    grants = share_grants(deps, draft)
    held = {one.id: grants.holder(one) for one in recipients}
    holders = {key: holder for key, holder in held.items() if holder is not None}
    return NamedHolders(holders, _known_holders(deps, tx, draft.account_id, set(holders.values())))


def recipient_remarks(deps: Dependencies, person: PersonIdentifier, named: NamedHolders) -> dict[str, list[Remark]]:
    """Return the remarks about the holders in a person's draft, by recipient id. May query the register."""
    holders = named.by_recipient
    found: Mapping[Remark, Collection[Identifier]] = {
        Remark.OWN: {person},
        Remark.WINDING_UP: _winding_up(deps, holders.values()),
        Remark.FIRST: set(holders.values()) - set(named.known),
    }
    return {key: [remark for remark, about in found.items() if holder in about] for key, holder in holders.items()}


def _known_holders(deps: Dependencies, tx: Transaction, account_id: str, holders: set[Identifier]) -> set[Identifier]:
    """Return the holders with whom the account has shared before."""
    keys = deps.keyring.get(tx.accounts.audit_key_ids(account_id))
    hashes = identifier_hashes(keys, list(holders))
    shared = tx.accounts.shared_with(account_id, {one for own in hashes.values() for one in own.values()})
    return {holder for own in hashes.values() for holder, one in own.items() if one in shared}


def _winding_up(deps: Dependencies, holders: Collection[Identifier]) -> set[Identifier]:
    closing: set[Identifier] = set()
    for holder in holders:
        if not isinstance(holder, OrganizationNumber):
            continue
        try:
            organization = deps.register.find(holder)
        except Unavailable:
            return closing
        if organization is not None and organization.is_winding_up:
            closing.add(holder)
    return closing
