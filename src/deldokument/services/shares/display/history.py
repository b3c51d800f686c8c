"""The events of one share as a list for systems.

Guarantees:
- The only persons shown are recipients who opened, downloaded or confirmed, masked as in the receipts.
- A system that acted is named.
- Refusals are not listed, because those persons are not the tenant's recipients.
- Paging continues at the right event, even if events are added in between.
"""

from dataclasses import dataclass
from datetime import datetime

from deldokument.domain.audit import BY_RECIPIENTS, AuditEvent, EventKind
from deldokument.domain.identifiers import Sharer
from deldokument.domain.messages.outbox import is_about_other_message
from deldokument.domain.shares.share import Share
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.actors import Actor, Actors
from deldokument.services.shares.rights.authorization import share_for_reading
from deldokument.store.audit.audit import EventFilter, Place
from deldokument.store.transaction import Transaction

_LISTED = BY_RECIPIENTS | {
    EventKind.DRAFT_STARTED,
    EventKind.DRAFT_ABANDONED,
    EventKind.DRAFT_RESTORED,
    EventKind.DRAFT_HANDED_OVER,
    EventKind.DOCUMENT_COMPLETED,
    EventKind.DOCUMENT_REMOVED,
    EventKind.DOCUMENT_ADDED,
    EventKind.DOCUMENT_TAKEN_BACK,
    EventKind.DOCUMENT_INSPECTED,
    EventKind.DOCUMENT_RELEASED,
    EventKind.DOCUMENT_HELD,
    EventKind.DOCUMENT_READ_BACK,
    EventKind.DOCUMENT_COPIED,
    EventKind.NUMBERS_DISCLOSED,
    EventKind.SHARE_PROPOSED,
    EventKind.SHARE_APPROVED,
    EventKind.PROPOSAL_RETURNED,
    EventKind.SHARE_PUBLISHED,
    EventKind.SHARE_UNPUBLISHED,
    EventKind.RECIPIENT_ADDED,
    EventKind.RECIPIENT_REMOVED,
    EventKind.CHANGE_PROPOSED,
    EventKind.CHANGE_APPROVED,
    EventKind.CHANGE_RETURNED,
    EventKind.SHARE_CORRECTED,
    EventKind.CONFIDENTIALITY_CHANGED,
    EventKind.EXPIRY_CHANGED,
    EventKind.SHARE_WITHDRAWN,
    EventKind.SHARE_FROZEN,
    EventKind.SHARE_UNFROZEN,
    EventKind.SHARE_ENDED,
    EventKind.SHARE_KEY_DESTROYED,
    EventKind.ACCESS_REFUSED,
    EventKind.REMINDER_REQUESTED,
    EventKind.RECIPIENT_NOTIFIED,
    EventKind.MESSAGE_GIVEN_UP,
}
_NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """An event of a share. ``until`` is the new end, if the event set one.

    ``person`` is the masked recipient, ``system`` the organisation whose system acted; empty if there is none.
    """

    at: datetime
    kind: EventKind
    person: str
    system: str
    document_id: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class History:
    """One page, oldest first; ``next`` continues, None at the end. A page may have fewer events than ``limit``."""

    events: tuple[HistoryEvent, ...]
    next: Place | None


def share_history(
    deps: Dependencies, sharer: Sharer, share_id: str, *, after: Place | None = None, limit: int = 50
) -> History:
    """Return a page of the share's events. Raises: NotFound."""
    with deps.database.read() as tx:
        share = share_for_reading(deps, tx, sharer, share_id)
        wanted = EventFilter(share.tenant_id, share_id=share_id)
        found = tx.audit.oldest(wanted, after=after, last_number=_NEWEST, limit=limit + 1)
        read = [stored.event for stored in found[:limit]]
        shown = [event for event in read if event.kind in _LISTED and not is_about_other_message(event)]
        events = _history(deps, tx, share, shown)
    last = found[limit - 1] if len(found) > limit else None
    return History(tuple(events), (last.event.at, last.number) if last else None)


def _history(deps: Dependencies, tx: Transaction, share: Share, events: list[AuditEvent]) -> list[HistoryEvent]:
    actors = Actors(deps, share.tenant_id).behind(tx, events)
    return [_event(event, actor) for event, actor in zip(events, actors, strict=True)]


def _event(event: AuditEvent, actor: Actor | None) -> HistoryEvent:
    details = event.details or {}
    until = details.get("until") if event.kind is EventKind.EXPIRY_CHANGED else None
    return HistoryEvent(
        at=event.at,
        kind=event.kind,
        person=actor.masked if actor and event.kind in BY_RECIPIENTS else "",
        system=actor.name if actor and not event.subject_id else "",
        document_id=str(details.get("document", "")),
        until=datetime.fromisoformat(str(until)) if until else None,
    )
