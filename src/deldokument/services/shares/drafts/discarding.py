"""Discarding of a draft on the pages, with a few seconds to undo it.

Guarantees:
- A discarded draft is abandoned at once: no page, call or upload can change or publish it.
- Its key, uploads and recipients stay until the grace period is over. Then the worker destroys the key, as for any
  abandoned draft, even if the browser is closed.
- The draft counts in the account's quota until its key is destroyed.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound, existing
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.shares.share import DISCARD_GRACE, Share, ShareState
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import membership_in
from deldokument.services.audit.recording import record_event
from deldokument.services.shares.display.views import ShareView, share_view
from deldokument.services.shares.drafts.drafts import discard_draft
from deldokument.services.shares.rights.authorization import share_for_reading, share_for_update

UNCHANGED = "unchanged"
"""Cause of the event of a draft that was abandoned because nobody changed it in time."""


@dataclass(frozen=True, slots=True)
class Discarded:
    """A discarded draft. ``left``: how long the requesting person can still undo that; None if no longer."""

    view: ShareView
    left: timedelta | None


def discard_with_grace(deps: Dependencies, person: PersonIdentifier, share_id: str) -> None:
    """Discard the draft; ``restore_draft`` undoes it within DISCARD_GRACE. Raises: NotFound or Conflict."""
    discard_draft(deps, person, share_id, grace=DISCARD_GRACE)


def restore_draft(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Share:
    """Restore the draft that the person has just discarded, with everything in it. Idempotent.

    Raises: NotFound, or Conflict if it is too late or somebody else discarded the draft.
    """
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, person, share_id)
        if share.state is ShareState.DRAFT:
            return share
        # Checked after locking: a worker that held the row may have destroyed the key.
        if not share.can_be_restored(deps.clock.now(), membership.id):
            raise Conflict("discard_final")
        restored = replace(share, state=ShareState.DRAFT, closed_at=None, undo_until=None, undo_by=None)
        tx.shares.save(restored)
        record_event(deps, tx, EventKind.DRAFT_RESTORED, share=share, person=person)
    return restored


def find_discarded(deps: Dependencies, person: PersonIdentifier, share_id: str) -> Discarded | None:
    """Return the discarded draft for the page shown after discarding; None for any other share."""
    with deps.database.read() as tx:
        try:
            share = share_for_reading(deps, tx, person, share_id)
        except NotFound:
            return None
        if share.state is not ShareState.ABANDONED:
            return None
        now, mine = deps.clock.now(), membership_in(deps, tx, person, share.account_id)
        left = existing(share.undo_until) - now if share.can_be_restored(now, mine.id) else None
        return Discarded(share_view(deps, tx, share), left)
