"""Remarks about the recipients of a draft, against the wrong recipient.

Guarantees:
- Nothing is stored for them. The keyed hashes of the account's own shares say whether it knows a recipient, as long as
  the shares' names are kept.
- A remark refuses nothing.
- An unavailable register makes no remark, and is not asked again for the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from deldokument.domain.errors import Unavailable
from deldokument.domain.identifiers import Identifier, OrganizationNumber, PersonIdentifier
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.encryption import identifier_hashes
from deldokument.services.shares.authorization import share_for_reading
from deldokument.services.shares.grants import share_grants


class Remark(StrEnum):
    """What the form says about a recipient."""

    OWN = "own"
    """It is the number of the person who shares."""
    WINDING_UP = "winding_up"
    FIRST = "first"
    """The account has shared nothing with this recipient before."""


def recipient_remarks(deps: Dependencies, person: PersonIdentifier, share_id: str) -> dict[str, list[Remark]]:
    """Return the remarks about the recipients of a draft, by recipient id. Raises: NotFound."""
    with deps.database.read() as tx:
        share = share_for_reading(deps, tx, person, share_id)
        grants = share_grants(deps, share)
        held = {one.id: grants.holder(one) for one in tx.shares.recipients([share.id])}
        holders = {key: holder for key, holder in held.items() if holder is not None}
        known = _known(deps, tx, share.account_id, set(holders.values()))
    closing = _winding_up(deps, holders.values())
    found: Mapping[Remark, Collection[Identifier]] = {
        Remark.OWN: {person},
        Remark.WINDING_UP: closing,
        Remark.FIRST: set(holders.values()) - known,
    }
    return {key: [remark for remark, about in found.items() if holder in about] for key, holder in holders.items()}


def _known(deps: Dependencies, tx: Transaction, account_id: str, holders: set[Identifier]) -> set[Identifier]:
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
