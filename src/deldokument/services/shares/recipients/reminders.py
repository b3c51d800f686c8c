"""Reminders to recipients who have documents left, at a member's request.

Guarantees:
- A share's recipients get at most one such reminder in 24 hours, from all members together, and none in the first 24
  hours.
- The worker leaves out recipients to whom everything was sent.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Conflict, existing
from deldokument.domain.identifiers import Sharer
from deldokument.domain.shares.share import Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.shares.rights.authorization import check_not_stopped, share_for_update
from deldokument.store.audit.audit import EventFilter

REMINDER_PAUSE = timedelta(hours=24)


def request_reminder(deps: Dependencies, sharer: Sharer, share_id: str) -> None:
    """Record a request for reminders; the worker plans the notices from that event.

    Raises: NotFound; Frozen; Conflict if the share is over or has no notices, or in the 24 hours after a notice.
    """
    with deps.database.write() as tx:
        share, membership = share_for_update(deps, tx, sharer, share_id)
        now = deps.clock.now()
        if not share.is_open_at(now):
            raise Conflict("share_over")
        check_not_stopped(membership, share)
        if not deps.sends_notices or not share.notify:
            raise Conflict("no_notices")
        asked = EventFilter(share.tenant_id, kind=EventKind.REMINDER_REQUESTED, share_id=share.id)
        last = tx.audit.newest(asked, before=None, limit=1)
        if had_notice(share, (stored.event for stored in last), now):
            raise Conflict("reminded_already")
        record_event(deps, tx, EventKind.REMINDER_REQUESTED, share=share, person=sharer)


def had_notice(share: Share, events: Iterable[AuditEvent], now: datetime) -> bool:
    """Return whether the share was published, or a reminder of it requested, in the last 24 hours."""
    asked = (one.at for one in events if one.kind is EventKind.REMINDER_REQUESTED)
    return any(at > now - REMINDER_PAUSE for at in (existing(share.published_at), *asked))
