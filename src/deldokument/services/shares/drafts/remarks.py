"""Remarks about the recipients of a draft, against the wrong recipient.

Guarantees:
- Nothing is stored for them. The keyed hashes of the account's own shares say whether it knows a recipient, as long as
  the shares' names are kept.
- A remark refuses nothing.
- An unavailable register makes no remark, and is not asked again for the others.
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
    """What the form says about a recipient."""

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
    """Return whom the recipients of a draft are."""
    grants = share_grants(deps, draft)
    held = {one.id: grants.holder(one) for one in recipients}
    holders = {key: holder for key, holder in held.items() if holder is not None}
    return NamedHolders(holders, _known_holders(deps, tx, draft.account_id, set(holders.values())))


def recipient_remarks(deps: Dependencies, person: PersonIdentifier, named: NamedHolders) -> dict[str, list[Remark]]:
    """Return the remarks about those whom a person's draft names, by recipient id. The register may be asked."""
    holders = named.by_recipient
    found: Mapping[Remark, Collection[Identifier]] = {
        Remark.OWN: {person},
        Remark.WINDING_UP: _winding_up(deps, holders.values()),
        Remark.FIRST: set(holders.values()) - set(named.known),
    }
    return {key: [remark for remark, about in found.items() if holder in about] for key, holder in holders.items()}


def _known_holders(deps: Dependencies, tx: Transaction, account_id: str, holders: set[Identifier]) -> set[Identifier]:
    """Return those with whom the account has shared something before."""
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
