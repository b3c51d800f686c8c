"""The outbox on both databases: workers lease different messages, and settled messages stay settled."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import NotFound, ServiceError, existing
from deldokument.domain.messages.outbox import REPLANNED, Channel, OutgoingMessage
from deldokument.domain.shares.share import Progress, Receipt, Recipient, Share, new_id, progress_of
from deldokument.store.database import Database
from deldokument.store.outbox.outbox import PendingReminder, ReminderQuery
from tests.contract.records import (
    DAY,
    HOUR,
    NOW,
    TENANT,
    available,
    complete_document_of,
    draft,
    ended,
    keep,
    recipient_of,
    settle,
)

MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def message(**changes: Any) -> OutgoingMessage:
    usual = OutgoingMessage(
        id=new_id(),
        channel=Channel.WEBHOOK,
        kind="told",
        tenant_id=TENANT.id,
        share_id=None,
        target="target",
        created_at=NOW,
        due_at=NOW,
        details={"document": "d", "count": 3},
    )
    return replace(usual, **changes)


def put(database: Database, *messages: OutgoingMessage) -> None:
    with database.write() as tx:
        for one in messages:
            assert tx.outbox.add(one)


def lease(database: Database, now: datetime = NOW, limit: int = 10) -> list[OutgoingMessage]:
    with database.write() as tx:
        return tx.outbox.lease(Channel.WEBHOOK, now, now + MINUTE, limit)


def test_a_message_comes_back_as_it_was_put(database: Database) -> None:
    put(database, one := message())
    with database.read() as tx:
        assert tx.outbox.get(one.id) == one
        assert tx.outbox.get("unknown") is None


def test_due_messages_are_leased_first_come_first_and_have_one_more_attempt(database: Database) -> None:
    first, second, later = (message(target=t, due_at=NOW + n * HOUR) for n, t in enumerate(("a", "b", "c")))
    put(database, second, later, first)
    taken = lease(database, NOW + HOUR)
    assert [one.id for one in taken] == [first.id, second.id]
    assert {(one.attempts, one.due_at) for one in taken} == {(1, NOW + HOUR + MINUTE)}
    assert lease(database, NOW + HOUR) == []


def test_waiting_messages_about_a_share_are_dropped_and_settled_ones_stay(database: Database) -> None:
    keep(database, share := available())
    sent, waiting, other = message(share_id=share.id), message(share_id=share.id), message()
    put(database, sent, waiting, other)
    with database.write() as tx:
        tx.outbox.sent(sent.id, NOW)
        tx.outbox.drop_waiting(share.id)
    with database.read() as tx:
        assert [tx.outbox.get(one.id) is not None for one in (sent, waiting, other)] == [True, False, True]


def test_whether_anything_is_due_is_known_beforehand(database: Database) -> None:
    put(database, one := message())
    with database.write() as tx:
        assert tx.outbox.is_due(Channel.WEBHOOK, NOW)
        assert not tx.outbox.is_due(Channel.WEBHOOK, NOW - MINUTE)
        assert not tx.outbox.is_due(Channel.EMAIL, NOW)
        tx.outbox.sent(one.id, NOW)
        assert not tx.outbox.is_due(Channel.WEBHOOK, NOW)


def test_no_more_are_leased_than_were_asked_for(database: Database) -> None:
    put(database, *(message(target=str(number)) for number in range(5)))
    assert len(lease(database, limit=2)) == 2
    assert len(lease(database, limit=10)) == 3


def test_a_target_is_sent_one_message_at_a_time_in_their_order(database: Database) -> None:
    first, second = message(due_at=NOW - HOUR), message(due_at=NOW - MINUTE)
    put(database, second, first)
    assert [one.id for one in lease(database)] == [first.id]
    assert [one.id for one in lease(database)] == [second.id]


def test_a_message_that_waits_does_not_hold_back_the_next_to_the_same_target(database: Database) -> None:
    put(database, stuck := message(due_at=NOW - HOUR), fresh := message())
    [taken] = lease(database)
    assert taken.id == stuck.id
    with database.write() as tx:
        tx.outbox.postpone(taken, NOW + DAY, "timeout")
    assert [one.id for one in lease(database)] == [fresh.id]


def test_a_target_that_is_busy_gets_none(database: Database) -> None:
    put(database, message(target="a"), message(target="b"), free := message(target="c"))
    with database.write() as tx:
        [taken] = tx.outbox.lease(Channel.WEBHOOK, NOW, NOW + MINUTE, 10, busy=["a", "b"])
    assert taken.id == free.id
    assert {one.target for one in lease(database)} == {"a", "b"}


def test_each_channel_has_its_own(database: Database) -> None:
    put(database, message(channel=Channel.EMAIL))
    assert lease(database) == []


def test_a_settled_message_stays_settled(database: Database) -> None:
    put(database, sent := message(target="a"), lost := message(target="b"))
    with database.write() as tx:
        assert tx.outbox.sent(sent.id, NOW)
        assert tx.outbox.give_up(lost.id, NOW, "status_400")
        assert not tx.outbox.give_up(sent.id, NOW + HOUR, "late")
        assert not tx.outbox.sent(lost.id, NOW + HOUR)
        tx.outbox.postpone(sent, NOW, "late")
    assert lease(database, NOW + DAY) == []
    with database.read() as tx:
        assert existing(tx.outbox.get(sent.id)) == replace(sent, sent_at=NOW)
        assert existing(tx.outbox.get(lost.id)) == replace(lost, given_up_at=NOW, last_error="status_400")


def test_who_was_slower_than_the_lease_does_not_postpone_it(database: Database) -> None:
    put(database, message())
    [slow] = lease(database)
    [again] = lease(database, NOW + HOUR)
    with database.write() as tx:
        tx.outbox.postpone(slow, NOW + DAY, "timeout")
        assert existing(tx.outbox.get(slow.id)).due_at == again.due_at
        tx.outbox.postpone(again, NOW + DAY, "timeout")
        assert existing(tx.outbox.get(slow.id)).due_at == NOW + DAY


def test_a_message_can_be_repeated_as_if_it_were_new(database: Database) -> None:
    put(database, one := message())
    [taken] = lease(database)
    with database.write() as tx:
        tx.outbox.give_up(taken.id, NOW, "too_long")
        tx.outbox.repeat(taken.id, NOW + HOUR)
        assert tx.outbox.get(one.id) == replace(one, due_at=NOW + HOUR)
        with pytest.raises(NotFound):
            tx.outbox.repeat("unknown", NOW)


def test_of_one_occasion_there_is_one_message(database: Database) -> None:
    put(database, message(dedup_key="once"), message(dedup_key="once", channel=Channel.EMAIL), message(), message())
    with database.write() as tx:
        assert not tx.outbox.add(message(dedup_key="once"))
        assert tx.outbox.add(message(dedup_key="twice"))


def test_two_workers_lease_different_messages(database: Database) -> None:
    put(database, *(message(target=str(number)) for number in range(20)))
    start = threading.Barrier(2)

    def work(_: int) -> list[str]:
        start.wait(10)
        taken: list[str] = []
        while found := lease(database, limit=3):
            taken += [one.id for one in found]
        return taken

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(work, range(2))
    assert len(one) + len(other) == 20
    assert not set(one) & set(other)


def test_messages_of_shares_are_listed_in_the_order_of_their_planning(database: Database) -> None:
    keep(database, share := available(), other := available())
    later, first = message(share_id=share.id, created_at=NOW + HOUR), message(share_id=share.id)
    put(database, later, first, message(share_id=other.id), message(share_id=share.id, channel=Channel.EMAIL))
    with database.read() as tx:
        assert tx.outbox.of_shares([share.id], Channel.WEBHOOK) == [first, later]
        assert len(tx.outbox.of_shares([share.id, other.id], Channel.WEBHOOK)) == 3


def test_messages_to_a_target_are_listed_newest_first_page_by_page(database: Database) -> None:
    messages = [message(created_at=NOW + number * HOUR) for number in range(5)]
    put(database, *messages, message(target="other"), message(channel=Channel.EMAIL))
    with database.read() as tx:
        page = tx.outbox.of_target(Channel.WEBHOOK, "target", before=None, limit=3)
        rest = tx.outbox.of_target(Channel.WEBHOOK, "target", before=(page[-1].created_at, page[-1].id), limit=3)
    assert [*page, *rest] == messages[::-1]


def test_only_settled_messages_of_no_share_are_forgotten(database: Database) -> None:
    keep(database, share := available())
    kept = (message(), message(share_id=share.id, sent_at=NOW), message(created_at=NOW + DAY, sent_at=NOW + DAY))
    put(database, *kept, gone := message(sent_at=NOW), lost := message(given_up_at=NOW))
    with database.write() as tx:
        assert tx.outbox.forget(NOW + HOUR, 1) == 1
        assert tx.outbox.forget(NOW + HOUR, 10) == 1
        assert tx.outbox.forget(NOW + HOUR, 10) == 0
        assert [one for one in (*kept, gone, lost) if tx.outbox.get(one.id)] == list(kept)


def test_messages_go_when_their_share_is_erased(database: Database) -> None:
    keep(database, share := ended())
    put(database, one := message(share_id=share.id))
    with database.write() as tx:
        tx.retention.erase_shares([share.id], NOW)
        assert tx.outbox.get(one.id) is None


@pytest.mark.parametrize(
    "wrong", [{"tenant_id": "nobody"}, {"share_id": "nothing"}, {"sent_at": NOW, "given_up_at": NOW}]
)
def test_a_message_that_cannot_be_is_refused_by_the_database(database: Database, wrong: dict[str, Any]) -> None:
    with pytest.raises(ServiceError), database.write() as tx:
        tx.outbox.add(message(**wrong))


def happen(database: Database, *kinds: EventKind) -> None:
    with database.write() as tx:
        for kind in kinds:
            tx.audit.append(AuditEvent(NOW, kind, TENANT.id))


def test_a_chain_is_ahead_until_it_has_been_followed(database: Database) -> None:
    with database.read() as tx:
        assert tx.outbox.chains_ahead() == []
    happen(database, EventKind.ACCOUNT_CREATED, EventKind.ACCOUNT_CLOSED)
    with database.write() as tx:
        assert tx.outbox.chains_ahead() == [TENANT.id]
        assert tx.outbox.cursor(TENANT.id) == 0
        tx.outbox.move_cursor(TENANT.id, 1)
    with database.write() as tx:
        assert tx.outbox.chains_ahead() == [TENANT.id]
        assert tx.outbox.cursor(TENANT.id) == 1
        tx.outbox.move_cursor(TENANT.id, 2)
        assert tx.outbox.chains_ahead() == []


def test_two_workers_do_not_follow_a_chain_at_once(database: Database) -> None:
    happen(database, *[EventKind.ACCOUNT_RENAMED] * 20)
    start = threading.Barrier(2)

    def work(_: int) -> list[int]:
        start.wait(10)
        followed: list[int] = []
        while True:
            with database.write() as tx:
                number = tx.outbox.cursor(TENANT.id)
                if number is None:
                    continue
                events = tx.audit.following(TENANT.id, after=number, last_number=number + 3, limit=3)
                if not events:
                    return followed
                tx.outbox.move_cursor(TENANT.id, events[-1].number)
                followed += [event.number for event in events]

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(work, range(2))
    assert sorted(one + other) == list(range(1, 21))


def ending(**changes: Any) -> ReminderQuery:
    return replace(ReminderQuery(Channel.ALTINN, NOW, NOW + WEEK, DAY, "week_left", NOW - WEEK), **changes)


def shared(database: Database, **changes: Any) -> tuple[Share, Recipient]:
    """A share with notices, open for long, that ends in three days."""
    given = {"notify": True, "published_at": NOW - 9 * DAY, "expires_at": NOW + 3 * DAY} | changes
    share = available(**given)
    keep(database, share)
    recipient = recipient_of(share)
    with database.write() as tx:
        tx.shares.add_recipient(recipient)
        for _ in range(2):
            tx.shares.add_document(complete_document_of(share))
    return share, recipient


def unreminded(database: Database, limit: int = 10, **changes: Any) -> list[str]:
    with database.read() as tx:
        return [one.recipient_id for one in tx.outbox.pending_reminders(ending(**changes), limit=limit)]


def test_a_recipient_to_remind_is_found_with_all_that_a_reminder_needs(database: Database) -> None:
    share, recipient = shared(database)
    with database.read() as tx:
        found = tx.outbox.pending_reminders(ending(), limit=10)
    sealed = recipient.sealed_identifier
    assert found == [PendingReminder(TENANT.id, share.id, recipient.id, NOW + 3 * DAY, share.audit_key_id, sealed)]


def test_recipients_of_the_share_that_ends_first_are_reminded_first(database: Database) -> None:
    _, second = shared(database, expires_at=NOW + 2 * DAY)
    _, first = shared(database, expires_at=NOW + DAY)
    assert unreminded(database) == [first.id, second.id]
    assert unreminded(database, limit=1) == [first.id]


@pytest.mark.parametrize(
    "changes",
    [
        {"notify": False},
        {"expires_at": NOW},
        {"expires_at": NOW + 8 * DAY},
        {"published_at": NOW + 3 * DAY},
    ],
)
def test_others_are_not_reminded(database: Database, changes: dict[str, Any]) -> None:
    shared(database, **changes)
    assert unreminded(database) == []


def test_nobody_is_reminded_of_drafts_and_of_shares_that_are_over(database: Database) -> None:
    for share in (draft(notify=True, expires_at=NOW + DAY), ended(notify=True, expires_at=NOW + DAY)):
        keep(database, share)
        with database.write() as tx:
            tx.shares.add_recipient(recipient_of(share))
    assert unreminded(database) == []


@pytest.mark.parametrize("first", ["nothing", "opened", "byte", "whole", "confirmed"])
@pytest.mark.parametrize("second", ["nothing", "byte", "whole", "confirmed"])
def test_the_database_counts_as_downloaded_what_the_domain_does(database: Database, first: str, second: str) -> None:
    share, recipient = shared(database)
    another = recipient_of(share, lookup_hash=b"another")
    with database.write() as tx:
        tx.shares.add_recipient(another)
        documents = [document.id for document in tx.shares.documents([share.id])]
        for got, key, subject in ((first, documents[0], "one"), (second, documents[1], "a colleague")):
            done = NOW if got == "whole" else None
            if got != "nothing":
                got_of = None if got == "opened" else key
                confirmed = NOW if got == "confirmed" else None
                found = Receipt(
                    share.id, got_of, recipient.id, subject, NOW, NOW, ((0, 1),), done, confirmed_at=confirmed
                )
                tx.receipts.save(found)
        progress = progress_of(tx.receipts.of_shares([share.id]), documents)
    downloaded = progress in {Progress.SENT, Progress.RECEIVED}
    assert downloaded is ({first, second} <= {"whole", "confirmed"})
    assert (recipient.id not in unreminded(database)) is downloaded
    assert another.id in unreminded(database)
    with database.read() as tx:
        assert tx.outbox.has_downloaded(recipient.id) is downloaded
        assert not tx.outbox.has_downloaded(another.id)
        assert not tx.outbox.has_downloaded("unknown")


def test_who_was_reminded_of_late_is_not_reminded_again(database: Database) -> None:
    share, recipient = shared(database)
    about = {"share_id": share.id, "target": recipient.id, "channel": Channel.ALTINN, "kind": "week_left"}
    put(database, message(**about | {"kind": "day_left"}), message(**about | {"channel": Channel.EMAIL}))
    assert unreminded(database) == [recipient.id]
    put(database, message(**about, created_at=NOW - 8 * DAY))
    assert unreminded(database) == [recipient.id]
    put(database, message(**about, created_at=NOW - DAY))
    assert unreminded(database) == []


def test_a_reminder_that_is_to_be_planned_anew_does_not_count(database: Database) -> None:
    share, recipient = shared(database)
    about = {"share_id": share.id, "target": recipient.id, "channel": Channel.ALTINN, "kind": "week_left"}
    put(database, gone := message(**about, created_at=NOW + DAY))
    assert unreminded(database) == []
    with database.write() as tx:
        tx.outbox.give_up(gone.id, NOW, "unreachable")
    assert unreminded(database) == []
    put(database, moved := message(**about, created_at=NOW + DAY))
    with database.write() as tx:
        tx.outbox.give_up(moved.id, NOW, REPLANNED)
    assert unreminded(database) == []
    share, recipient = shared(database)
    put(database, only := message(**about | {"share_id": share.id, "target": recipient.id}, created_at=NOW + DAY))
    with database.write() as tx:
        tx.outbox.give_up(only.id, NOW, REPLANNED)
    assert unreminded(database) == [recipient.id]


def test_the_messages_of_an_order_are_found(database: Database) -> None:
    first, second = (message(target=target, order_id="order") for target in ("a", "b"))
    put(database, first, second, message(target="c", order_id="another"), message(target="d"))
    with database.read() as tx:
        assert {one.id for one in tx.outbox.of_order("order")} == {first.id, second.id}
        assert tx.outbox.of_order("unknown") == []


def test_of_two_workers_that_begin_an_order_one_adds_its_first_message(database: Database) -> None:
    start = threading.Barrier(2)

    def begin(number: int) -> bool:
        first = message(id="order", order_id="order", target=f"{number}", dedup_key=f"{number}")
        start.wait(10)
        with database.write() as tx:
            return tx.outbox.add(first)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(begin, range(2))) == [False, True]
    with database.read() as tx:
        assert len(tx.outbox.of_order("order")) == 1
