"""Proposals that wait for another person: the publication of a draft (four eyes), or a change of an open share.

A member or an integration proposes, and a member approves. `services.shares.published.publishing` and
`services.shares.published.changes` check the approval here.

Guarantees:
- A share has at most one proposal. It lapses when its proposer leaves the account.
- Nobody can approve their own proposal, or another proposal than the one on the page. Only the sharer can approve
  access for more persons or documents.
- The approved draft is the proposed one: any change to the draft withdraws the proposal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, existing
from deldokument.domain.identifiers import PersonIdentifier, Sharer
from deldokument.domain.shares.policy import EVERYBODY, Approvers, approvers_of
from deldokument.domain.shares.share import Share, ShareState
from deldokument.domain.tenants.tenancy import Account, Integration, Member
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import Membership
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import existing_key, identifier_hash, share_key_id
from deldokument.services.people import directory_key
from deldokument.services.shares.approvals.change_records import Change, ProposedChange, open_change, seal_change
from deldokument.services.shares.approvals.return_notes import check_reason, seal_return_note
from deldokument.services.shares.recipients.recipients import unconfirm_numbers
from deldokument.services.shares.rights.authorization import share_for_update
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction


class ReturnReason(StrEnum):
    """Why a proposal ended: the draft was changed, another member returned it, or the proposer withdrew it.

    MOVED: a later end was proposed, but another end was set. REPLACED: another sharer proposed a change.
    """

    CHANGED = "changed"
    RETURNED = "returned"
    RETRACTED = "retracted"
    MOVED = "moved"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, repr=False)
class Proposal:
    """A pending proposal: its proposer, since when, and the change; None for the publication of a draft.

    ``versions``: the manifest hashes of the documents that the change adds, by id.
    """

    proposer: Member | Integration
    at: datetime
    change: Change | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    approvers: Approvers = EVERYBODY

    @property
    def seen(self) -> str:
        """Value that an approval must contain. It identifies this proposal among all of the share."""
        return self.at.isoformat()


def proposal_of(tx: Transaction, account: Account, share: Share, share_key: bytes | None) -> Proposal | None:
    """Return the pending proposal, or None. ``share_key`` is needed only for a published share."""
    four_eyes = account.rules.four_eyes
    if share.state is ShareState.DRAFT:
        proposer = living_sharer(tx, share.proposed_by) if four_eyes else None
        return Proposal(proposer, share.changed_at) if proposer else None
    proposed = open_change(share_key, share)
    proposer = living_sharer(tx, proposed.proposer_id) if proposed else None
    if proposed is None or proposer is None:
        return None
    change, is_sharer = proposed.change, proposer.id == share.sharer_id
    if change.divide(existing(share.expires_at), is_sharer=is_sharer, four_eyes=four_eyes)[1].is_empty:
        return None
    publisher = tx.members.get(share.member_id) if share.member_id else None
    approvers = approvers_of(share, publisher, proposer_id=proposer.id, lets_in=not change.entry.is_empty)
    return Proposal(proposer, proposed.at, change, proposed.versions, approvers)


def pending_proposal(deps: Dependencies, tx: Transaction, share: Share) -> Proposal | None:
    """Return the proposal as ``proposal_of``, for a share whose key exists. Raises: IntegrityError."""
    key = existing_key(deps.keyring, share_key_id(share.id)) if share.sealed_change else None
    return proposal_of(tx, existing(tx.accounts.get(share.account_id)), share, key)


def approved_proposal(
    deps: Dependencies, tx: Transaction, share: Share, person: PersonIdentifier, membership: Membership, seen: str
) -> Proposal:
    """Return the proposal that the person approves; ``seen`` is the value of the reviewed proposal.

    Raises: Conflict if the proposal is missing, is not ``seen``, is the person's own (in any account), or is
    for others to decide. Also if a document differs from the proposed one, which is reported.
    """
    proposal = pending_proposal(deps, tx, share)
    if proposal is None:
        raise Conflict("not_proposed")
    if is_own_proposal(deps, proposal.proposer, person):
        raise Conflict("own_proposal")
    if not proposal.approvers.include(membership.id, existing(membership.acts_from)):
        raise Conflict("sharer_decides" if proposal.approvers.only else "earlier_members_decide")
    if proposal.seen != seen:
        raise Conflict("proposal_changed")
    present = _versions(tx, share)
    exchanged = [one for one, proposed in proposal.versions.items() if present.get(one) != proposed]
    for one in exchanged:
        deps.damage.report(DamagedRow("document", one))
    if exchanged:
        raise Conflict("proposal_changed")
    return proposal


def _versions(tx: Transaction, share: Share) -> dict[str, str]:
    """Return the manifest hashes of the share's complete documents, pending ones included, by id."""
    return {one.id: one.manifest_hash for one in tx.additions.with_documents([share.id]) if one.manifest_hash}


def return_proposal(deps: Dependencies, person: PersonIdentifier, share_id: str, reason: str = "") -> None:
    """Return a pending proposal to its author with a reason; the author's own call withdraws it.

    Does nothing if no proposal is pending. The author of a returned draft must confirm its numbers again. Raises:
    InvalidInput for the reason; Conflict if the share is over.
    """
    reason = check_reason(reason)
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        if share.state is not ShareState.DRAFT and not share.is_open_at(deps.clock.now()):
            raise Conflict("share_over")
        proposal = pending_proposal(deps, tx, share)
        if proposal is None:
            return
        if is_own_proposal(deps, proposal.proposer, person):
            end_proposal(deps, tx, share, proposal, person, ReturnReason.RETRACTED)
            return
        if proposal.change is None:
            unconfirm_numbers(deps, tx, share)
        note = seal_return_note(deps, share, membership.name, reason)
        end_proposal(deps, tx, share, proposal, person, ReturnReason.RETURNED, note)


def end_proposal(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    proposal: Proposal,
    sharer: Sharer | None,
    cause: ReturnReason,
    note: bytes | None = None,
) -> Share:
    """Save the share without its proposal, and with a sealed return note; return it."""
    settled = replace(share, sealed_return_note=note)
    if proposal.change is None:
        return touch_draft(deps, tx, settled, sharer, cause)
    return _end_change(deps, tx, settled, proposal.change, sharer, cause)


def drop_proposed_end(deps: Dependencies, tx: Transaction, share: Share, sharer: Sharer) -> Share:
    """Save the share without its proposed end, because another end is set; return it. The rest remains proposed.

    It becomes a new proposal: an approval of the earlier one would be of another change.
    """
    proposal = pending_proposal(deps, tx, share)
    if proposal is None or proposal.change is None or proposal.change.expires_at is None:
        return share
    rest = replace(proposal.change, expires_at=None)
    ended = _end_change(deps, tx, share, proposal.change, sharer, ReturnReason.MOVED)
    return ended if rest.is_empty else keep_change(deps, tx, ended, rest, proposal.proposer.id, proposal)


def keep_change(
    deps: Dependencies, tx: Transaction, share: Share, change: Change, proposer_id: str, earlier: Proposal | None
) -> Share:
    """Save the share with the change as its pending proposal; return it.

    Documents that the ``earlier`` proposal contains must still be unchanged since then.
    """
    versions = _versions(tx, share) | (dict(earlier.versions) if earlier else {})
    proposed = ProposedChange(change, proposer_id, deps.clock.now(), {one: versions[one] for one in change.documents})
    sealed = seal_change(existing_key(deps.keyring, share_key_id(share.id)), share.id, proposed)
    kept = replace(share, sealed_change=sealed, sealed_return_note=None)
    tx.shares.save(kept)
    return kept


def _end_change(
    deps: Dependencies, tx: Transaction, share: Share, change: Change, sharer: Sharer | None, cause: ReturnReason
) -> Share:
    settled = replace(share, sealed_change=None)
    tx.shares.save(settled)
    kind, details = EventKind.CHANGE_RETURNED, change.details
    record_event(deps, tx, kind, share=share, person=sharer, cause=cause.value, **details)
    return settled


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


def touch_draft(
    deps: Dependencies,
    tx: Transaction,
    share: Share,
    person: Sharer | None = None,
    cause: ReturnReason = ReturnReason.CHANGED,
) -> Share:
    """Save a draft with the time of its change; return it.

    An earlier proposal is withdrawn, because the content differs.

    A published share is not saved: documents uploaded beside it are not part of it yet. A change of recipients, end,
    account, sharer or confidentiality is recorded as an event; texts and uploads are not.
    """
    if share.state is not ShareState.DRAFT:
        return share
    touched = replace(share, changed_at=deps.clock.now(), proposed_by=None)
    lacks_event = tx.shares.save(touched)
    if share.proposed_by is not None:
        record_event(deps, tx, EventKind.PROPOSAL_RETURNED, share=share, person=person, cause=cause.value)
    elif lacks_event:
        record_event(deps, tx, EventKind.DRAFT_CHANGED, share=share, person=person)
    return touched
