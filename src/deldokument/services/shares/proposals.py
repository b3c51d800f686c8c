"""Four eyes: a draft that waits for another person's approval, and the ends of a proposal.

A member or an integration proposes, and a member approves.

Guarantees:
- The approved draft is the proposed one: any change to the draft takes the proposal back.
- A proposal lapses when its proposer leaves the account.

Does not publish; services.shares.publishing does.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.identifiers import Consumer, PersonIdentifier, Sharer
from deldokument.domain.share import Share, ShareState
from deldokument.domain.tenancy import Integration, Member
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import directory_key


class ReturnReason(StrEnum):
    """Why a proposal ended: the draft was changed, another member sent it back, or the proposer took it back.

    MOVED: a later end was asked for, but another one was set. REPLACED: another sharer proposed a change.
    """

    CHANGED = "changed"
    RETURNED = "returned"
    RETRACTED = "retracted"
    MOVED = "moved"
    REPLACED = "replaced"


def proposer_of(tx: Transaction, share: Share) -> Member | Integration | None:
    """Return the proposer if there is a valid proposal to publish the draft, otherwise None."""
    return living_sharer(tx, share.proposed_by)


def living_sharer(tx: Transaction, sharer_id: str | None) -> Member | Integration | None:
    """Return the member or integration with the id, if it has not left the account."""
    found = (tx.members.get(sharer_id) or tx.integrations.get(sharer_id)) if sharer_id else None
    return found if found and found.removed_at is None else None


def is_proposal_of(proposer: Member | Integration, lookup_hash: bytes) -> bool:
    """Return whether the person with that lookup hash is the proposer, as a member of any account."""
    return isinstance(proposer, Member) and proposer.lookup_hash == lookup_hash


def is_own_proposal(deps: Dependencies, proposer: Member | Integration, person: PersonIdentifier) -> bool:
    """Return whether the person is the proposer, as a member of any account."""
    return is_proposal_of(proposer, identifier_hash(directory_key(deps), person))


def waits_for_approval(tx: Transaction, share: Share) -> Member | Integration | None:
    """Return the proposer of a draft that another member must approve, otherwise None."""
    if share.state is not ShareState.DRAFT or share.proposed_by is None:
        return None
    account = existing(tx.accounts.get(share.account_id))
    return proposer_of(tx, share) if account.rules.four_eyes else None


def touch_draft(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    person: Sharer | None = None,
    cause: ReturnReason = ReturnReason.CHANGED,
) -> Share:
    """Save a draft with the time of its change; return it. An earlier proposal, for other content, is taken back.

    A system that may read its share back loses that if somebody else changes the draft: it may hold their content then.
    A published share is not changed: documents uploaded beside it are not part of it yet.
    """
    if share.state is not ShareState.DRAFT:
        return share
    exposed_to = share.exposed_to if person is None or is_system(tx, person, share.exposed_to) else None
    touched = replace(share, changed_at=deps.clock.now(), proposed_by=None, exposed_to=exposed_to)
    tx.shares.save(touched)
    if share.proposed_by is not None:
        record_event(deps, tx, EventKind.PROPOSAL_RETURNED, share=share, person=person, cause=cause.value)
    return touched


def is_system(tx: Transaction, sharer: Sharer, integration_id: str | None) -> bool:
    """Return whether the sharer is the system of that integration."""
    if integration_id is None or not isinstance(sharer, Consumer):
        return False
    return existing(tx.integrations.get(integration_id)).organization_number == sharer.organization.value
