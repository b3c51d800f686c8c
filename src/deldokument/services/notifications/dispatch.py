"""Telling the world outside: planning messages, sending those that are due, forgetting those that are settled.

    plan_messages    the chains of events are followed; what a planner wants told becomes a message
    take_messages    some that are due are leased
    send_message     one of them is sent, and what came of it is noted

Promises that nothing is planned twice and nothing lost: messages and the cursor that says how far a chain has been
followed are kept in one transaction, so no use case needs to know that there is anybody to tell. A message is leased
in one transaction, sent outside of any, its outcome kept in another; a crash in between sends it again, under the same
id. What was refused or tried too long is told in the audit trail. Which events are told of, and how each channel
sends, is in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain as joined

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import ServiceError, Unavailable, existing
from deldokument.domain.outbox import (
    LEASE,
    MAX_ATTEMPTS,
    Channel,
    Outcome,
    OutgoingMessage,
    Result,
    again,
    pause_after,
)
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import StoredEvent
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.audit.recording import record_at

MessagePlanner = Callable[[Dependencies, Transaction, Sequence[StoredEvent]], Iterable[OutgoingMessage]]
"""What is to be told of events of one chain; asked in the transaction that keeps it. Must answer for ones long past."""
EventPlanner = Callable[[Dependencies, Transaction, StoredEvent], Iterable[OutgoingMessage]]
"""The same of one event alone; see ``per_event``."""
Plans = Mapping[EventKind, Sequence[MessagePlanner]]
Sender = Callable[[Dependencies, OutgoingMessage], Outcome]
"""Sends a message outside of any transaction. Unavailable means: later."""
Scheduler = Callable[[Dependencies], int]
"""Plans the messages that time makes due. Returns how many."""


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """One channel in the registry: everything in which it differs from the other channels."""

    queue: str
    """Its label in the metrics of what waits."""
    send: Sender
    planners: Mapping[EventKind, MessagePlanner] = field(default_factory=dict)
    schedulers: Sequence[Scheduler] = ()
    has_retry_limit: bool = True
    """False: a message is retried until its sender finds it obsolete."""
    sent_event: EventKind | None = None
    """The event that the audit trail gets for each message that was sent."""


AT_ONCE = 16
"""How many messages are taken at a time."""
KEPT = timedelta(days=90)
"""So long after it was planned a settled message of no share is forgotten; others go with their share."""
_EVENTS = 200
_BATCH = 500
_GIVEN_UP = "too_long"


def plan_messages(deps: Dependencies, plans: Plans) -> int:
    """One round: how many events were followed. Raises the first error of a chain, the others having been followed."""
    with deps.database.read() as tx:
        chains = tx.outbox.chains_ahead()
    followed, errors = 0, []
    for chain in chains:
        try:
            followed += _follow(deps, chain, plans)
        except ServiceError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return followed


def _follow(deps: Dependencies, chain: str, plans: Plans) -> int:
    with deps.database.write() as tx:
        number = tx.outbox.cursor(chain)
        if number is None:
            return 0
        events = tx.audit.following(chain, after=number, last_number=number + _EVENTS, limit=_EVENTS)
        asked: dict[MessagePlanner, list[StoredEvent]] = {}
        for event in events:
            for plan in plans.get(event.event.kind, ()):
                asked.setdefault(plan, []).append(event)
        for plan, stored in asked.items():
            for message in plan(deps, tx, stored):
                tx.outbox.add(message)
        if events:
            tx.outbox.move_cursor(chain, events[-1].number)
    return len(events)


def per_event(plan: EventPlanner) -> MessagePlanner:
    """Of one event after the other."""
    return lambda deps, tx, stored: joined.from_iterable(plan(deps, tx, event) for event in stored)


def take_messages(deps: Dependencies, channel: Channel, *, busy: Collection[str] = ()) -> list[OutgoingMessage]:
    """Some that are due, one for each target, for ``send_message``; nobody else takes them for a while.

    ``busy``: to these targets messages are under way; they get no more, and the others so many fewer.
    """
    if len(busy) >= AT_ONCE:
        return []
    now = deps.clock.now()
    # Asked first: where there is nothing, nobody who writes is kept waiting.
    with deps.database.read() as tx:
        if not tx.outbox.is_due(channel, now):
            return []
    with deps.database.write() as tx:
        return tx.outbox.lease(channel, now, now + LEASE, AT_ONCE - len(busy), busy=busy)


def send_message(deps: Dependencies, entry: ChannelEntry, message: OutgoingMessage) -> Result:
    """Send what was taken, and note what came of it. Whatever happens counts as an attempt: nothing is tried for ever.

    Raises what the sender raises but Unavailable, which means: later.
    """
    try:
        outcome = entry.send(deps, message)
    except Unavailable as error:
        outcome = again(error.code)
    except Exception:
        _settle(deps, entry, message, again("broken"))
        raise
    return _settle(deps, entry, message, outcome)


def _settle(deps: Dependencies, entry: ChannelEntry, message: OutgoingMessage, outcome: Outcome) -> Result:
    is_last = entry.has_retry_limit and message.attempts >= MAX_ATTEMPTS
    if outcome.result is Result.AGAIN and is_last:
        outcome = Outcome(Result.REFUSED, _GIVEN_UP)
    with deps.database.write() as tx:
        _note(deps, tx, entry, message, outcome)
    return outcome.result


def _note(deps: Dependencies, tx: Transaction, entry: ChannelEntry, message: OutgoingMessage, outcome: Outcome) -> None:
    now = deps.clock.now()
    if outcome.result is Result.AGAIN:
        tx.outbox.postpone(message, now + pause_after(message.attempts), outcome.code)
    elif outcome.result is Result.SENT:
        if tx.outbox.sent(message.id, now) and entry.sent_event:
            _record(deps, tx, now, entry.sent_event, message)
    elif tx.outbox.give_up(message.id, now, outcome.code) and outcome.result is Result.REFUSED:
        _record(deps, tx, now, EventKind.MESSAGE_GIVEN_UP, message, channel=message.channel.value, code=outcome.code)


def _record(
    deps: Dependencies, tx: Transaction, at: datetime, kind: EventKind, message: OutgoingMessage, **details: str
) -> None:
    share = existing(tx.shares.get(message.share_id)) if message.share_id else None
    details = {"message": message.id, "about": message.kind, **details}
    record_at(deps, tx, at, kind, details, share=share, tenant_id=message.tenant_id)


def forget_messages(deps: Dependencies) -> int:
    """One round of retention: settled messages of no share, a quarter of a year after they were planned."""
    with deps.database.write() as tx:
        return tx.outbox.forget(deps.clock.now() - KEPT, _BATCH)
