"""Proposals that wait for a second person, for display."""

from dataclasses import dataclass

from deldokument.domain.identifiers import OrganizationNumber
from deldokument.domain.shares.share import Share
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.approvals.proposals import Proposal, proposal_of
from deldokument.services.shares.display.related_rows import SharerRows, sharer_name
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True, repr=False)
class ProposalView(Proposal):
    """A proposal with the proposer's name.

    ``has_no_approver``: no member of the account can approve it. ``publisher``: the name of the only member who can.
    ``added`` are the new recipients, masked or by name.
    """

    name: str = ""
    publisher: str = ""
    has_no_approver: bool = False
    added: tuple[str, ...] = ()


def view_proposal(directory: bytes, share: Share, share_key: bytes | None, related: SharerRows) -> ProposalView | None:
    """Return the pending proposal for display, or None. ``share_key``: as for ``proposal_of``."""
    proposal = proposal_of(related.tx, related.accounts[share.account_id], share, share_key)
    if proposal is None:
        return None
    proposer, change = proposal.proposer, proposal.change
    return ProposalView(
        proposer,
        proposal.at,
        change,
        proposal.versions,
        proposal.approvers,
        sharer_name(directory, proposer),
        related.sharer_of(share, directory)[1] if proposal.approvers.only else "",
        _has_no_approver(related.tx, proposal),
        _added_recipients(change) if change else (),
    )


def _has_no_approver(tx: Transaction, proposal: Proposal) -> bool:
    proposer, approvers = proposal.proposer, proposal.approvers
    if approvers.only is not None:
        return False
    found = tx.members.acting(proposer.account_id, 2, before=approvers.before)
    return all(member.id == proposer.id for member in found)


def _added_recipients(change: Change) -> tuple[str, ...]:
    return tuple(
        f"{new.name} {one.grouped}" if isinstance(one, OrganizationNumber) else one.masked
        for one, new in change.added.items()
    )
