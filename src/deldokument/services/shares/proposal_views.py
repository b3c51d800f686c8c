"""What waits for a second person, for display. Does not decide who may approve."""

from __future__ import annotations

from dataclasses import dataclass

from deldokument.domain.identifiers import OrganizationNumber
from deldokument.domain.share import Share
from deldokument.services.shares.change_records import Change
from deldokument.services.shares.proposals import Proposal, proposal_of
from deldokument.services.shares.related_rows import SharerRows, has_no_other_approver, sharer_name


@dataclass(frozen=True, slots=True, repr=False)
class ProposalView(Proposal):
    """A proposal with the proposer's name.

    ``has_no_other_approver``: nobody else on the account could approve it. ``added`` are the new recipients, masked or
    by name.
    """

    name: str = ""
    has_no_other_approver: bool = False
    added: tuple[str, ...] = ()


def view_proposal(directory: bytes, share: Share, share_key: bytes | None, related: SharerRows) -> ProposalView | None:
    """Return what waits for approval, if anything. ``share_key``: as for ``proposal_of``."""
    proposal = proposal_of(related.tx, related.accounts[share.account_id], share, share_key)
    if proposal is None:
        return None
    proposer, change = proposal.proposer, proposal.change
    return ProposalView(
        proposer,
        proposal.at,
        change,
        proposal.versions,
        sharer_name(directory, proposer),
        has_no_other_approver(related.tx, proposer),
        _added(change) if change else (),
    )


def _added(change: Change) -> tuple[str, ...]:
    return tuple(
        f"{new.name} {one.grouped}" if isinstance(one, OrganizationNumber) else one.masked
        for one, new in change.added.items()
    )
