"""Events are sent to the outside: none is lost, none is planned twice, no target holds up another."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Broken, Unavailable, existing
from deldokument.domain.messages.outbox import (
    LEASE,
    MAX_ATTEMPTS,
    SENT,
    Channel,
    Cost,
    Outcome,
    OutgoingMessage,
    Result,
    again,
    make_moot,
    refuse,
)
from deldokument.domain.shares.share import new_id
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.statistics import tenant_statistics
from deldokument.services.maintenance import retention
from deldokument.services.notifications import dispatch
from deldokument.services.shares.published import publishing
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.database import Database
from deldokument.store.transaction import Transaction
from deldokument.worker import Sending
from tests.support.stage.stage import KARI, OLA, Stage, person
from tests.support.stored_data import do_as_owner


def plan(deps: Dependencies, _tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """A message of each share that was published or withdrawn, to a target of the share's own."""
    event = stored.event
    assert event.tenant_id
    assert event.share_id
    yield message(deps, event.tenant_id, event.share_id, kind=event.kind.value)


def message(deps: Dependencies, tenant_id: str, share_id: str | None, **changes: object) -> OutgoingMessage:
    now = deps.clock.now()
    usual = OutgoingMessage(new_id(), Channel.WEBHOOK, "told", tenant_id, share_id, "target", now, now)
    return replace(usual, **changes)  # type: ignore[arg-type]


PLANNER = dispatch.per_event(plan)
PLANS = {EventKind.SHARE_PUBLISHED: (PLANNER,), EventKind.SHARE_WITHDRAWN: (PLANNER,)}


def entry(send: dispatch.Sender) -> dispatch.ChannelEntry:
    """A channel with a retry limit, of whose messages nothing is recorded when they are sent."""
    return dispatch.ChannelEntry("webhooks", send)


def put(stage: Stage, share_id: str | None = None, **changes: object) -> OutgoingMessage:
    added = message(stage.deps, stage.tenant.id, share_id, **changes)
    with stage.deps.database.write() as tx:
        tx.outbox.add(added)
    return added


def kept(stage: Stage, message_id: str) -> OutgoingMessage:
    with stage.deps.database.read() as tx:
        return existing(tx.outbox.get(message_id))


def attempt(stage: Stage, outcome: Outcome, channel: Channel = Channel.WEBHOOK) -> Result:
    [taken] = dispatch.take_messages(stage.deps, channel)
    return dispatch.send_message(stage.deps, entry(lambda *_: outcome), taken)


def test_every_event_is_planned_once(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    while dispatch.plan_messages(stage.deps, PLANS):
        pass
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    while dispatch.plan_messages(stage.deps, PLANS):
        pass
    with stage.deps.database.read() as tx:
        planned = tx.outbox.of_shares([share_id], Channel.WEBHOOK)
    assert sorted(message.kind for message in planned) == ["share_published", "share_withdrawn"]


def test_a_planner_that_fails_leaves_the_event_to_be_planned_again(stage: Stage) -> None:
    def failing(deps: Dependencies, tx: Transaction, events: Sequence[StoredEvent]) -> Iterator[OutgoingMessage]:
        yield from PLANNER(deps, tx, events)
        raise Unavailable("register_unavailable")

    share_id = stage.publish(OLA)
    with pytest.raises(Unavailable):
        dispatch.plan_messages(stage.deps, {EventKind.SHARE_PUBLISHED: (failing,)})
    with stage.deps.database.read() as tx:
        assert tx.outbox.of_shares([share_id], Channel.WEBHOOK) == []
    dispatch.plan_messages(stage.deps, PLANS)
    with stage.deps.database.read() as tx:
        assert len(tx.outbox.of_shares([share_id], Channel.WEBHOOK)) == 1


def test_a_message_without_a_cost_is_recorded_and_not_counted(stage: Stage) -> None:
    put(stage, stage.publish(OLA))
    [taken] = dispatch.take_messages(stage.deps, Channel.WEBHOOK)
    recorded = replace(entry(lambda *_: SENT), sent_event=EventKind.RECIPIENT_NOTIFIED)
    assert dispatch.send_message(stage.deps, recorded, taken) is Result.SENT
    [event] = [event for _, event in stage.trail() if event.kind is EventKind.RECIPIENT_NOTIFIED]
    assert "messages" not in (event.details or {})
    assert tenant_statistics(stage.deps, stage.tenant.id).notice_count == 0


def test_a_sent_message_is_not_sent_again(stage: Stage) -> None:
    added = put(stage)
    assert attempt(stage, SENT) is Result.SENT
    stage.clock.advance(days=4)
    assert dispatch.take_messages(stage.deps, Channel.WEBHOOK) == []
    assert kept(stage, added.id).sent_at


def test_no_more_are_taken_than_are_sent_at_once(stage: Stage) -> None:
    put(stage)
    receivers = [f"receiver-{number}" for number in range(dispatch.AT_ONCE)]
    busy = [message(stage.deps, stage.tenant.id, None, target=receiver) for receiver in receivers]
    assert dispatch.take_messages(stage.deps, Channel.WEBHOOK, busy=busy) == []
    assert len(dispatch.take_messages(stage.deps, Channel.WEBHOOK, busy=busy[1:])) == 1


def test_of_an_order_one_message_is_taken_at_a_time(stage: Stage) -> None:
    first, *_ = (put(stage, target=target, order_id="order") for target in ("a", "b", "c"))
    alone = put(stage, target="d")
    taken = dispatch.take_messages(stage.deps, Channel.WEBHOOK)
    assert {one.order_id for one in taken} == {"order", None}
    assert len(taken) == 2
    put(stage, target="e", order_id="order")
    assert dispatch.take_messages(stage.deps, Channel.WEBHOOK, busy=taken) == []
    stage.clock.advance(seconds=LEASE.total_seconds())
    assert len(dispatch.take_messages(stage.deps, Channel.WEBHOOK)) == 2
    assert kept(stage, first.id).attempts + kept(stage, alone.id).attempts == 4


@pytest.mark.parametrize("result", [SENT, refuse("no")])
def test_what_an_order_covers_is_settled_and_recorded_with_it_and_paid_once(stage: Stage, result: Outcome) -> None:
    shares = [stage.publish(OLA) for _ in range(3)]
    first, second, other = (put(stage, share, target=share, order_id="order") for share in shares)
    cost = Cost("4711", 2) if result is SENT else None
    sent_event = EventKind.RECIPIENT_NOTIFIED
    channel = replace(entry(lambda _, __: replace(result, cost=cost, covered=(second,))), sent_event=sent_event)
    assert dispatch.send_message(stage.deps, channel, first) is result.result
    assert dispatch.send_message(stage.deps, channel, second) is result.result, "another worker was as fast"
    assert [kept(stage, one.id).is_settled for one in (first, second, other)] == [True, True, False]
    assert [kept(stage, one.id).messages for one in (first, second)] == [2 if cost else 0, 0]
    kind = sent_event if result is SENT else EventKind.MESSAGE_GIVEN_UP
    events = [event for _, event in stage.trail() if event.kind is kind]
    assert sorted(event.share_id or "" for event in events) == sorted(shares[:2])
    assert sum(int((event.details or {}).get("messages", 0)) for event in events) == (2 if cost else 0)


def test_what_a_crash_left_half_sent_is_sent_again_under_the_same_id(stage: Stage) -> None:
    added = put(stage)
    assert [taken.id for taken in dispatch.take_messages(stage.deps, Channel.WEBHOOK)] == [added.id]
    assert dispatch.take_messages(stage.deps, Channel.WEBHOOK) == []
    stage.clock.advance(seconds=LEASE.total_seconds())
    [again_taken] = dispatch.take_messages(stage.deps, Channel.WEBHOOK)
    assert (again_taken.id, again_taken.attempts) == (added.id, 2)


def test_a_late_answer_does_not_disturb_who_has_taken_it_since(stage: Stage) -> None:
    added = put(stage)
    [slow] = dispatch.take_messages(stage.deps, Channel.WEBHOOK)
    stage.clock.advance(seconds=LEASE.total_seconds())
    [taken] = dispatch.take_messages(stage.deps, Channel.WEBHOOK)
    dispatch.send_message(stage.deps, entry(lambda *_: again("timeout")), slow)
    assert kept(stage, added.id).due_at == taken.due_at
    dispatch.send_message(stage.deps, entry(lambda *_: SENT), taken)
    dispatch.send_message(stage.deps, entry(lambda *_: refuse("status_400")), slow)
    assert kept(stage, added.id).given_up_at is None


def test_a_rejected_message_waits_longer_each_time_and_is_abandoned_after_three_days(stage: Stage) -> None:
    added = put(stage)
    begun = stage.clock.now()
    for number in range(1, MAX_ATTEMPTS + 1):
        assert attempt(stage, again("status_503")) is (Result.REFUSED if number == MAX_ATTEMPTS else Result.AGAIN)
        if number < MAX_ATTEMPTS:
            stage.clock.instant = kept(stage, added.id).due_at
    assert 60 < (stage.clock.now() - begun).total_seconds() / 3600 < 72
    assert kept(stage, added.id).last_error == "too_long"


def test_an_abandoned_message_is_in_the_trail_without_anybodys_identifier(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    added = put(stage, share_id)
    attempt(stage, refuse("status_400"))
    [(who, event)] = [(who, event) for who, event in stage.trail() if event.kind is EventKind.MESSAGE_GIVEN_UP]
    assert (who, event.share_id) == (None, share_id)
    assert event.details == {"message": added.id, "about": "told", "channel": "webhook", "code": "status_400"}


def test_an_abandoned_message_about_a_damaged_share_is_in_the_chain_of_the_message(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    put(stage, share_id)
    do_as_owner(stage.database_url, f"UPDATE share SET tenant_id = '{stage.barnevern.tenant_id}'")
    attempt(stage, refuse("status_400"))
    [event] = [event for _, event in stage.trail() if event.kind is EventKind.MESSAGE_GIVEN_UP]
    assert (event.tenant_id, event.share_id) == (stage.tenant.id, None)


def test_a_message_that_is_moot_is_dropped_without_an_event(stage: Stage) -> None:
    before = len(stage.trail())
    added = put(stage)
    assert attempt(stage, make_moot("share_over")) is Result.MOOT
    assert kept(stage, added.id).last_error == "share_over"
    assert len(stage.trail()) == before


def test_a_counterpart_that_does_not_answer_is_asked_later(stage: Stage) -> None:
    def silent(_deps: Dependencies, _sent: OutgoingMessage) -> Outcome:
        raise Unavailable("notices_unavailable")

    added = put(stage)
    [taken] = dispatch.take_messages(stage.deps, Channel.WEBHOOK)
    assert dispatch.send_message(stage.deps, entry(silent), taken) is Result.AGAIN
    assert kept(stage, added.id).last_error == "notices_unavailable"


def test_a_target_with_many_messages_gets_them_one_at_a_time(stage: Stage) -> None:
    first = put(stage)
    stage.clock.advance(seconds=1)
    second, other = put(stage), put(stage, target="other")
    assert [taken.id for taken in dispatch.take_messages(stage.deps, Channel.WEBHOOK)] == [first.id, other.id]
    assert [taken.id for taken in dispatch.take_messages(stage.deps, Channel.WEBHOOK)] == [second.id]


@pytest.mark.parametrize("error", [Broken("audit trail"), IntegrityError()], ids=["broken", "damaged"])
def test_a_chain_that_cannot_be_followed_does_not_stop_the_others(stage: Stage, error: Exception) -> None:
    followed: list[str | None] = []

    def broken(deps: Dependencies, _tx: Transaction, events: Sequence[StoredEvent]) -> Iterator[OutgoingMessage]:
        followed.append(events[0].event.tenant_id)
        if len(followed) == 1:
            raise error
        yield message(deps, stage.tenant.id, None, kind=events[0].event.kind.value)

    with pytest.raises(type(error)):
        dispatch.plan_messages(stage.deps, {EventKind.TENANT_CREATED: (broken,)})
    assert [leased.kind for leased in dispatch.take_messages(stage.deps, Channel.WEBHOOK)] == ["tenant_created"]


def test_a_target_that_is_slow_holds_up_its_own_messages_only(stage: Stage) -> None:
    """As long as it has not answered, the others get all of theirs, and it gets nothing more."""
    slow = [put(stage, target="slow") for _ in range(2)]
    quick = [put(stage, target="quick") for _ in range(5)]
    gone, order = threading.Event(), list[str]()

    def send(_deps: Dependencies, sent: OutgoingMessage) -> Outcome:
        if sent.target == "slow":
            order.append("begun")
            assert gone.wait(30)
        order.append(sent.target)
        if order.count("quick") == len(quick):
            gone.set()
        return SENT

    assert Sending(Channel.WEBHOOK, entry(send))(stage.deps) == len(slow) + len(quick)
    assert order.count("begun") == order.count("slow") == len(slow)
    assert order.index("slow") > max(at for at, target in enumerate(order) if target == "quick")


def test_a_sender_that_breaks_down_over_one_message_sends_the_others(stage: Stage) -> None:
    broken, *others = (put(stage, target=target) for target in "abc")

    def send(_deps: Dependencies, sent: OutgoingMessage) -> Outcome:
        if sent.id == broken.id:
            raise ZeroDivisionError
        return SENT

    with pytest.raises(ZeroDivisionError):
        Sending(Channel.WEBHOOK, entry(send))(stage.deps)
    assert all(kept(stage, other.id).sent_at for other in others)
    assert kept(stage, broken.id).last_error == "broken"
    assert kept(stage, broken.id).due_at > stage.clock.now()
    assert Sending(Channel.WEBHOOK, entry(send))(stage.deps) == 0


def test_what_its_sender_breaks_down_over_each_time_is_given_up_too(stage: Stage) -> None:
    added = put(stage)

    def send(_deps: Dependencies, _sent: OutgoingMessage) -> Outcome:
        raise IntegrityError

    for _ in range(MAX_ATTEMPTS):
        stage.clock.instant = kept(stage, added.id).due_at
        with pytest.raises(IntegrityError):
            Sending(Channel.WEBHOOK, entry(send))(stage.deps)
    assert kept(stage, added.id).given_up_at == stage.clock.now()
    assert dispatch.take_messages(stage.deps, Channel.WEBHOOK) == []


def test_a_target_that_keeps_us_waiting_does_not_keep_the_others(stage: Stage) -> None:
    slow, *others = (put(stage, target=target) for target in "abc")
    others_sent = threading.Event()

    def send(_deps: Dependencies, sent: OutgoingMessage) -> Outcome:
        if sent.id == slow.id:
            assert others_sent.wait(30)
        elif sent.id == others[-1].id:
            others_sent.set()
        return SENT

    assert Sending(Channel.WEBHOOK, entry(send))(stage.deps) == 3


@dataclass
class Behind:
    """A database in which another worker has just followed the chain that is found to be ahead."""

    database: Database
    chain: str

    @contextmanager
    def read(self) -> Iterator[Any]:
        yield SimpleNamespace(outbox=SimpleNamespace(chains_ahead=lambda: [self.chain]))

    def write(self) -> AbstractContextManager[Transaction]:
        return self.database.write()


def test_a_chain_that_another_worker_follows_is_left_to_it(stage: Stage) -> None:
    @contextmanager
    def write() -> Iterator[Any]:
        yield SimpleNamespace(outbox=SimpleNamespace(cursor=lambda _: None))

    stage.publish(OLA)
    held: Any = SimpleNamespace(read=stage.deps.database.read, write=write)
    assert dispatch.plan_messages(replace(stage.deps, database=held), PLANS) == 0


def test_a_chain_that_another_worker_has_followed_meanwhile_is_left(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    while dispatch.plan_messages(stage.deps, PLANS):
        pass
    behind = Behind(stage.deps.database, stage.tenant.id)
    assert dispatch.plan_messages(replace(stage.deps, database=behind), PLANS) == 0
    with stage.deps.database.read() as tx:
        assert len(tx.outbox.of_shares([share_id], Channel.WEBHOOK)) == 1


def test_an_occasion_has_one_message_per_channel(stage: Stage) -> None:
    with stage.deps.database.write() as tx:
        first = message(stage.deps, stage.tenant.id, None, dedup_key="ending:share:recipient")
        assert tx.outbox.add(first)
        assert not tx.outbox.add(replace(first, id=new_id()))
        assert tx.outbox.add(replace(first, id=new_id(), channel=Channel.EMAIL))


def test_messages_go_with_their_share_and_others_after_a_quarter(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    of_share, settled, due = put(stage, share_id), put(stage, target="a"), put(stage, target="b")
    for taken in dispatch.take_messages(stage.deps, Channel.WEBHOOK):
        if taken.id != due.id:
            dispatch.send_message(stage.deps, entry(lambda *_: SENT), taken)
    stage.clock.advance(days=91)
    dispatch.forget_messages(stage.deps)
    with stage.deps.database.read() as tx:
        assert tx.outbox.get(settled.id) is None
        assert tx.outbox.get(due.id)
        assert tx.outbox.get(of_share.id)
    retention.end_due_shares(stage.deps)
    with stage.deps.database.write() as tx:
        tx.retention.erase_shares([share_id], stage.clock.now())
        assert tx.outbox.get(of_share.id) is None
