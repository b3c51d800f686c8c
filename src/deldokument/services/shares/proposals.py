"""Four eyes: a draft that waits for another's approval, and what ends the wait.

What a member or an integration has proposed, a member approves. Promises that what is approved is what was proposed:
any change to the draft takes the proposal back, and so does the proposer's leaving the account. Publishing itself is
services.shares.publishing's.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.identifiers import Sharer
from deldokument.domain.share import Share, ShareState
from deldokument.domain.tenancy import Integration, Member
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_event


class ReturnReason(StrEnum):
    """Why a proposal is no more: the draft was changed, another member sent it back, the proposer took it back."""

    CHANGED = "changed"
    RETURNED = "returned"
    RETRACTED = "retracted"


def proposer_of(tx: Transaction, share: Share) -> Member | Integration | None:
    """Whose proposal to publish the draft stands, if one does."""
    if share.proposed_by is None:
        return None
    proposer = tx.members.get(share.proposed_by) or tx.integrations.get(share.proposed_by)
    return proposer if proposer and proposer.removed_at is None else None


def is_proposal_of(proposer: Member | Integration, lookup_hash: bytes) -> bool:
    """Whether the person with that hash among members made it, as a member of whatever account."""
    return isinstance(proposer, Member) and proposer.lookup_hash == lookup_hash


def waits_for_approval(tx: Transaction, share: Share) -> Member | Integration | None:
    """Who has proposed the draft, where it takes another member to publish it."""
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
) -> None:
    """Save a draft as it was just touched. A proposal made before was of something else, and is taken back."""
    tx.shares.save(replace(share, changed_at=deps.clock.now(), proposed_by=None))
    if share.proposed_by is not None:
        record_event(deps, tx, EventKind.PROPOSAL_RETURNED, share=share, person=person, cause=cause.value)
