"""Transactional outbox: plans messages, sends due ones, and deletes settled ones.

    plan_messages    follows the audit chains; planners turn events into messages
    take_messages    leases some due messages
    send_message     sends one of them and records the result

Guarantees:
- No message is planned twice or lost: messages and the cursor on the chain are stored in one transaction. Use cases
  need not plan messages themselves.
- A message is leased in one transaction, sent outside any, and its result stored in another. After a crash in between
  it is sent again, under the same id.
- A message that was refused, or retried for too long, is recorded in the audit trail.
- Messages that one delivery covers are settled together, and each is recorded.

The registry defines which events lead to messages, and how each channel sends them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain as joined

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Unavailable, existing
from deldokument.domain.messages.outbox import (
    LEASE,
    MAX_ATTEMPTS,
    Channel,
    Outcome,
    OutgoingMessage,
    Result,
    again,
    pause_after,
)
from deldokument.domain.shares.statistics import month_of
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_at
from deldokument.services.each import do_each
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.transaction import Transaction

MessagePlanner = Callable[[Dependencies, Transaction, Sequence[StoredEvent]], Iterable[OutgoingMessage]]
"""Returns the messages about events of one chain, which may be long past. Called in the transaction that adds them."""
EventPlanner = Callable[[Dependencies, Transaction, StoredEvent], Iterable[OutgoingMessage]]
"""The same for a single event; see ``per_event``."""
Plans = Mapping[EventKind, Sequence[MessagePlanner]]
Sender = Callable[[Dependencies, OutgoingMessage], Outcome]
"""Sends a message, outside any transaction. Unavailable means: retry later."""
Scheduler = Callable[[Dependencies], int]
"""Plans the messages that become due as time passes. Returns how many."""


@dataclass(frozen=True, slots=True)
class ChannelEntry:
    """A channel's entry in the registry: everything that differs between channels."""

    queue: str
    """Label in the metrics of waiting messages."""
    send: Sender
    planners: Mapping[EventKind, MessagePlanner] = field(default_factory=dict)
    schedulers: Sequence[Scheduler] = ()
    has_retry_limit: bool = True
    """False: a message is retried until its sender finds it obsolete."""
    sent_event: EventKind | None = None
    """Audit event that is recorded for each message that was sent."""


AT_ONCE = 16
"""Maximum number of messages leased at a time."""
KEPT = timedelta(days=90)
"""Time from planning until a settled message without a share is forgotten. Other messages go with their share."""
_EVENTS = 200
_BATCH = 500
_GIVEN_UP = "too_long"


def plan_messages(deps: Dependencies, plans: Plans) -> int:
    """Follow the chains for one round; return the number of events followed.

    Raises: the first error of a chain, after the other chains have been followed.
    """
    with deps.database.read() as tx:
        chains = tx.outbox.chains_ahead()
    return do_each(chains, lambda chain: _follow(deps, chain, plans))


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
    """Return a planner that calls ``plan`` for each event."""
    return lambda deps, tx, stored: joined.from_iterable(plan(deps, tx, event) for event in stored)


def take_messages(
    deps: Dependencies, channel: Channel, *, busy: Collection[OutgoingMessage] = ()
) -> list[OutgoingMessage]:
    """Lease some due messages, one for each target and order, for ``send_message``.

    ``busy`` are messages in progress. No other message of their targets and orders is leased, and each reduces the
    number of leases by one.
    """
    if len(busy) >= AT_ONCE:
        return []
    now = deps.clock.now()
    # Checked first in a read transaction: a round without due messages must not make writers wait.
    with deps.database.read() as tx:
        if not tx.outbox.is_due(channel, now):
            return []
    targets = {message.target for message in busy}
    with deps.database.write() as tx:
        leased = tx.outbox.lease(channel, now, now + LEASE, AT_ONCE - len(busy), busy=targets)
    return list(_one_per_order(leased, {message.order_id for message in busy}))


def _one_per_order(leased: Iterable[OutgoingMessage], taken: set[str | None]) -> Iterator[OutgoingMessage]:
    """Yield the messages, of each order only the first.

    Its result settles the others. If it becomes moot, they are due again when their lease ends.
    """
    for message in leased:
        if message.order_id is None or message.order_id not in taken:
            taken.add(message.order_id)
            yield message


def send_message(deps: Dependencies, entry: ChannelEntry, message: OutgoingMessage) -> Result:
    """Send a leased message and record the result. Every error counts as an attempt.

    Raises: the errors of the sender, except Unavailable, which means: retry later.
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
    # Always in the same order, because another worker may settle the same messages.
    settled = sorted((message, *outcome.covered), key=lambda one: one.id)
    with deps.database.write() as tx:
        for one in settled:
            _note(deps, tx, entry, one, outcome if one is message else replace(outcome, cost=None))
    return outcome.result


def _note(deps: Dependencies, tx: Transaction, entry: ChannelEntry, message: OutgoingMessage, outcome: Outcome) -> None:
    now = deps.clock.now()
    if outcome.result is Result.AGAIN:
        tx.outbox.postpone(message, now + pause_after(message.attempts), outcome.code)
    elif outcome.result is Result.SENT:
        if tx.outbox.sent(message.id, now, outcome.cost) and entry.sent_event:
            if outcome.cost and message.share_id:
                share = existing(tx.shares.get(message.share_id))
                tx.statistics.count_notice(share.account_id, month_of(now), outcome.cost)
            costs = {"messages": outcome.cost.messages} if outcome.cost else {}
            _record(deps, tx, now, entry.sent_event, message, **costs)
    elif tx.outbox.give_up(message.id, now, outcome.code) and outcome.result is Result.REFUSED:
        _record(deps, tx, now, EventKind.MESSAGE_GIVEN_UP, message, channel=message.channel.value, code=outcome.code)


def _record(
    deps: Dependencies, tx: Transaction, at: datetime, kind: EventKind, message: OutgoingMessage, **details: str | int
) -> None:
    share = existing(tx.shares.get(message.share_id)) if message.share_id else None
    if share is not None and not share.intact:
        share = None
    facts: dict[str, str | int] = {"message": message.id, "about": message.kind, **details}
    record_at(deps, tx, at, kind, facts, share=share, tenant_id=message.tenant_id)


def forget_messages(deps: Dependencies) -> int:
    """Delete settled messages without a share, 90 days after planning; return their number. One round of retention."""
    with deps.database.write() as tx:
        return tx.outbox.forget(deps.clock.now() - KEPT, _BATCH)
