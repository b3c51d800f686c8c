"""What waits for a second person, for display: the publication of a draft, or a change of a published share.

Does not decide who may approve.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.identifiers import OrganizationNumber
from deldokument.domain.share import Share
from deldokument.services.shares.change_records import Change, change_proposer, open_change
from deldokument.services.shares.related_rows import SharerRows, has_no_other_approver, sharer_name


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal to publish a draft, or to change a published share: by whom and when.

    ``has_no_other_approver``: nobody else on the account could approve it.
    """

    proposer_id: str
    name: str
    at: datetime
    has_no_other_approver: bool

    @property
    def seen(self) -> str:
        """Value that an approval must carry. It identifies this proposal among all those of the same share."""
        return self.at.isoformat()


@dataclass(frozen=True, slots=True)
class ChangeView(ProposalView):
    """A proposed change; ``added`` are the new recipients, masked or by name."""

    change: Change
    added: tuple[str, ...]


def proposal_of(directory: bytes, share: Share, related: SharerRows) -> ProposalView | None:
    """Return the proposal to publish, if the draft waits for approval."""
    proposer = related.proposers.get(share.id)
    if proposer is None:
        return None
    alone = has_no_other_approver(related.tx, proposer)
    return ProposalView(proposer.id, sharer_name(directory, proposer), share.changed_at, alone)


def change_of(directory: bytes, share: Share, share_key: bytes | None, related: SharerRows) -> ChangeView | None:
    """Return the change that waits for approval, if any; None also if nobody is left who proposed it."""
    proposed = open_change(share_key, share)
    proposer = change_proposer(related.tx, related.accounts[share.account_id], proposed)
    if proposer is None or proposed is None:
        return None
    added = tuple(
        f"{new.name} {one.grouped}" if isinstance(one, OrganizationNumber) else one.masked
        for one, new in proposed.change.added.items()
    )
    name = sharer_name(directory, proposer)
    alone = has_no_other_approver(related.tx, proposer)
    return ChangeView(proposer.id, name, proposed.at, alone, proposed.change, added)
