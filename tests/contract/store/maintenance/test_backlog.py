"""What waits for the worker is counted truly on both databases, from the instant that it waits."""

from datetime import timedelta

import pytest

from deldokument.domain.messages.outbox import Channel, OutgoingMessage
from deldokument.domain.shares.share import ShareState, new_id
from deldokument.store.database import Database
from deldokument.store.maintenance.backlog import Queue, Waiting
from tests.contract.records import (
    DAY,
    HOUR,
    NOW,
    TENANT,
    append,
    available,
    begin_upload,
    complete_document_of,
    draft,
    ended,
    keep,
    settle,
)

NOTHING = Waiting(0, None)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def waiting(database: Database, queue: Queue) -> Waiting:
    with database.read() as tx:
        return tx.backlog.waiting(NOW)[queue]


def test_where_nothing_is_nothing_waits(database: Database) -> None:
    keep(database, available(), draft())
    with database.read() as tx:
        assert tx.backlog.waiting(NOW) == dict.fromkeys(Queue, NOTHING)
        assert tx.backlog.messages(NOW) == dict.fromkeys(Channel, NOTHING)


def test_a_share_waits_from_its_end_though_no_worker_has_noted_it(database: Database) -> None:
    keep(database, available(expires_at=NOW), available(expires_at=NOW + timedelta(microseconds=1)))
    assert waiting(database, Queue.KEYS) == Waiting(1, NOW)


def test_a_late_worker_does_not_make_the_wait_shorter(database: Database) -> None:
    keep(database, ended(expires_at=NOW - DAY, published_at=NOW - 2 * DAY, closed_at=NOW))
    assert waiting(database, Queue.KEYS) == Waiting(1, NOW - DAY)


def test_what_is_withdrawn_or_thrown_away_waits_from_then(database: Database) -> None:
    withdrawn = ended(state=ShareState.WITHDRAWN, expires_at=NOW + DAY, closed_at=NOW - HOUR)
    thrown_away = draft(state=ShareState.ABANDONED, expires_at=NOW - DAY, closed_at=NOW - 2 * HOUR)
    keep(database, withdrawn, thrown_away, ended(closed_at=NOW - DAY, key_destroyed_at=NOW))
    assert waiting(database, Queue.KEYS) == Waiting(2, NOW - 2 * HOUR)


def test_blobs_wait_from_when_the_key_is_destroyed_until_they_are_deleted(database: Database) -> None:
    share = ended(key_destroyed_at=NOW - HOUR)
    keep(database, share)
    append(database, begin_upload(database, share), 30, 20)
    assert waiting(database, Queue.BLOBS) == Waiting(1, NOW - HOUR)
    with database.write() as tx:
        tx.retention.release_blobs([share.id], NOW)
    assert waiting(database, Queue.BLOBS) == NOTHING
    assert waiting(database, Queue.GARBAGE) == Waiting(2, NOW)


def test_garbage_waits_from_when_it_became_garbage(database: Database) -> None:
    for at in (NOW, NOW - HOUR):
        share = draft()
        keep(database, share)
        upload = begin_upload(database, share)
        append(database, upload, 10)
        with database.write() as tx:
            tx.shares.remove_document(upload.document_id, at)
    assert waiting(database, Queue.GARBAGE) == Waiting(2, NOW - HOUR)


def test_documents_of_living_shares_wait_to_be_inspected(database: Database) -> None:
    living, over = draft(), ended()
    keep(database, living, over)
    with database.write() as tx:
        for share, at in ((living, NOW - HOUR), (living, NOW), (over, NOW - DAY)):
            tx.shares.add_document(complete_document_of(share, completed_at=at))
    assert waiting(database, Queue.INSPECTION) == Waiting(2, NOW - HOUR)


def test_a_message_waits_since_its_creation_however_often_it_was_tried(database: Database) -> None:
    def message(channel: Channel, attempts: int, due_at: timedelta) -> OutgoingMessage:
        created_at, target = NOW - HOUR, new_id()
        return OutgoingMessage(
            new_id(), channel, "told", TENANT.id, None, target, created_at, NOW + due_at, {}, attempts=attempts
        )

    with database.write() as tx:
        tx.outbox.add(message(Channel.EMAIL, 0, timedelta()))
        tx.outbox.add(message(Channel.WEBHOOK, 9, DAY))
        tx.outbox.add(message(Channel.ALTINN, 0, DAY))
    with database.read() as tx:
        assert tx.backlog.messages(NOW) == {
            Channel.ALTINN: NOTHING,
            Channel.EMAIL: Waiting(1, NOW - HOUR),
            Channel.WEBHOOK: Waiting(1, NOW - HOUR),
        }
