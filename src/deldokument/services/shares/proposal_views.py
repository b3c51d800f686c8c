"""What waits for a second person, for display: publication, a later end, another change.

Does not decide who may approve.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.errors import existing
from deldokument.domain.identifiers import OrganizationNumber
from deldokument.domain.share import Share
from deldokument.services.shares.change_records import ChangeView, change_proposer, open_change
from deldokument.services.shares.extensions import ExtensionView
from deldokument.services.shares.related_rows import SharerRows, has_no_other_approver, sharer_name


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A proposal to publish a draft: by whom and when.

    ``has_no_other_approver``: nobody else on the account could approve it. ``seen`` identifies this proposal among all
    those of the same draft.
    """

    proposer_id: str
    name: str
    at: datetime
    until: datetime
    has_no_other_approver: bool

    @property
    def seen(self) -> str:
        """Value that an approval must carry."""
        return self.at.isoformat()


def proposal_of(directory: bytes, share: Share, related: SharerRows) -> ProposalView | None:
    """Return the proposal to publish, if the draft waits for approval."""
    proposer = related.proposers.get(share.id)
    if proposer is None:
        return None
    return ProposalView(
        proposer_id=proposer.id,
        name=sharer_name(directory, proposer),
        at=share.changed_at,
        until=share.stale_at,
        has_no_other_approver=proposer.id in related.has_no_other_approver,
    )


def extension_of(directory: bytes, share: Share, related: SharerRows) -> ExtensionView | None:
    """Return the later end that waits for approval, if any."""
    proposer = related.extenders.get(share.id)
    if proposer is None:
        return None
    name = sharer_name(directory, proposer)
    alone = proposer.id in related.has_no_other_approver
    return ExtensionView(proposer.id, name, existing(share.extension_until), alone)


def change_of(directory: bytes, share: Share, share_key: bytes | None, related: SharerRows) -> ChangeView | None:
    """Return the other change that waits for approval, if any; None also if nobody is left who proposed it."""
    proposed = open_change(share_key, share) if share_key else None
    proposer = change_proposer(related.tx, related.accounts[share.account_id], proposed)
    if proposer is None or proposed is None:
        return None
    added = tuple(
        f"{new.name} {one.grouped}" if isinstance(one, OrganizationNumber) else one.masked
        for one, new in proposed.change.added.items()
    )
    name = sharer_name(directory, proposer)
    alone = has_no_other_approver(related.tx, proposer)
    return ChangeView(proposer.id, name, proposed.at, proposed.change, added, alone)
