"""Many threads at once: what the contract says of one transaction holds for all of them together."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import psycopg
import pytest

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Conflict, Unavailable, existing
from deldokument.domain.shares.byte_ranges import merge_ranges
from deldokument.domain.shares.share import Receipt, Share, ShareState, new_id
from deldokument.domain.shares.upload import Upload
from deldokument.store.audit.subjects import Subject
from deldokument.store.auth.sessions import PendingLoginRecord
from deldokument.store.database import Database
from tests.contract.records import (
    ACCOUNT,
    DAY,
    HOUR,
    NOW,
    TENANT,
    append,
    available,
    begin_upload,
    draft,
    keep,
    part_of,
    recipient_of,
    settle,
)
from tests.fakes.integrity import tagging

T = TypeVar("T")
PATIENCE = 10


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def together(count: int, work: Callable[[int], T]) -> list[T]:
    """What each of ``count`` threads got that began at the same moment."""
    start = threading.Barrier(count)

    def run(number: int) -> T:
        start.wait(PATIENCE)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.fixture
def upload(database: Database) -> Upload:
    share = draft()
    keep(database, share)
    return begin_upload(database, share)


def test_of_writers_at_one_offset_exactly_one_wins(database: Database, upload: Upload) -> None:
    for offset in range(0, 50, 10):

        def write(_number: int, offset: int = offset) -> str | None:
            part = part_of(upload, offset, 10)
            with database.write() as tx:
                return part.id if tx.uploads.advance(upload.id, offset, offset + 10, [part]) else None

        winners = [winner for winner in together(4, write) if winner]
        assert len(winners) == 1
        with database.read() as tx:
            assert tx.uploads.parts(upload.id)[-1].id == winners[0]
            assert tx.uploads.get(upload.id) == replace(upload, offset=offset + 10)


def test_of_merges_of_the_same_parts_exactly_one_wins(database: Database, upload: Upload) -> None:
    parts = append(database, upload, 10, 20)

    def merge(_: int) -> bool:
        with database.write() as tx:
            return tx.uploads.merge(upload.id, parts, part_of(upload, 0, 30), NOW)

    assert sorted(together(4, merge)) == [False, False, False, True]


def test_a_recipient_added_by_several_at_once_is_there_once(database: Database) -> None:
    share = draft()
    keep(database, share)

    def add(_: int) -> bool:
        with database.write() as tx:
            return tx.shares.add_recipient(recipient_of(share))

    assert sorted(together(4, add)) == [False, False, False, True]
    with database.read() as tx:
        assert len(tx.shares.recipients([share.id])) == 1


def test_an_account_name_is_given_to_one_of_several_who_want_it(database: Database) -> None:
    def add(number: int) -> bool:
        account = replace(ACCOUNT, id=f"new {number}", name="Barnevern")
        try:
            with database.write() as tx:
                tx.accounts.add(account)
        except Conflict:
            return False
        return True

    assert sorted(together(4, add)) == [False, False, False, True]


def test_a_share_is_published_or_withdrawn_one_after_the_other(database: Database) -> None:
    share = draft()
    keep(database, share)
    states = {
        ShareState.DRAFT: replace(share, state=ShareState.AVAILABLE, published_at=NOW, expires_at=NOW + DAY),
        ShareState.AVAILABLE: available(id=share.id, state=ShareState.WITHDRAWN, closed_at=NOW + HOUR),
    }

    def step(_: int) -> ShareState:
        with database.write() as tx:
            found = tx.shares.lock(share.id)
            assert found is not None
            if found.state in states:
                tx.shares.save(states[found.state])
            return found.state

    seen = together(3, step)
    assert sorted(seen) == sorted([ShareState.DRAFT, ShareState.AVAILABLE, ShareState.WITHDRAWN])


def test_a_locked_share_is_not_seen_before_its_holder_is_done(database: Database) -> None:
    share = available()
    keep(database, share)
    locked, waiting = threading.Event(), threading.Event()

    def withdraw() -> None:
        with database.write() as tx:
            held = tx.shares.lock(share.id)
            assert held is not None
            locked.set()
            assert waiting.wait(PATIENCE)
            tx.shares.save(replace(held, state=ShareState.WITHDRAWN, closed_at=NOW))

    def extend() -> Share | None:
        assert locked.wait(PATIENCE)
        waiting.set()
        with database.write() as tx:
            return tx.shares.lock(share.id)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(withdraw), pool.submit(extend)
        found = second.result(PATIENCE)
        first.result(PATIENCE)
    assert found is not None
    assert found.state is ShareState.WITHDRAWN


def test_workers_never_get_the_same_due_share(database: Database) -> None:
    shares = [available(expires_at=NOW) for _ in range(12)]
    keep(database, *shares)

    def end_some(_: int) -> list[str]:
        ended = []
        while True:
            with database.write() as tx:
                taken = tx.retention.due_shares(NOW, 2)
                for share in taken:
                    tx.shares.save(replace(share, state=ShareState.ENDED, closed_at=NOW))
            if not taken:
                return ended
            ended += [share.id for share in taken]

    ended = [share_id for ids in together(3, end_some) for share_id in ids]
    assert len(ended) == len(set(ended))


def test_events_of_many_writers_form_one_chain(database: Database) -> None:
    def write(number: int) -> None:
        for _ in range(10):
            with database.write() as tx:
                tx.audit.append(AuditEvent(NOW, EventKind.LOGGED_IN, details={"writer": number}))

    together(4, write)
    with database.read() as tx:
        assert [number for number, _ in tx.audit.events()] == list(range(1, 41))
        assert tx.audit.verify() is None


def test_writers_of_several_chains_in_any_order_do_not_wait_for_each_other_in_a_circle(database: Database) -> None:
    def write(number: int) -> None:
        for _ in range(10):
            with database.write() as tx:
                for tenant in ("a", "b") if number % 2 else ("b", "a"):
                    tx.audit.append(AuditEvent(NOW, EventKind.TENANT_CREATED, tenant))

    together(4, write)
    with database.read() as tx:
        assert (tx.audit.head("a").number, tx.audit.head("b").number) == (40, 40)
        assert tx.audit.verify() is None


def test_on_postgres_tenants_do_not_wait_for_each_other(postgres_url: str) -> None:
    database = tagging(Database(f"{postgres_url}?options=-c%20lock_timeout%3D50ms"))
    for tenant in ("a", "b"):
        append_to(database, tenant)
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT * FROM audit_head WHERE chain = 'a' FOR UPDATE")
        append_to(database, "b")
        with pytest.raises(Unavailable):
            append_to(database, "a")
    append_to(database, "a")
    with database.read() as tx:
        assert (tx.audit.head("a").number, tx.audit.head("b").number) == (2, 2)
    database.close()


def append_to(database: Database, tenant: str) -> None:
    with database.write() as tx:
        tx.audit.append(AuditEvent(NOW, EventKind.TENANT_CREATED, tenant))


def test_a_person_seen_by_many_at_once_is_one_subject(database: Database) -> None:
    def see(_: int) -> str:
        with database.write() as tx:
            found = tx.subjects.find("march", b"ola")
            if found is None:
                found = Subject(new_id(), "march", b"ola", b"sealed")
                tx.subjects.add(found)
            return found.id

    assert len(set(together(6, see))) == 1


def test_ranges_sent_by_parallel_downloads_are_all_in_the_receipt(database: Database) -> None:
    share = available()
    keep(database, share)
    recipient = recipient_of(share)
    with database.write() as tx:
        tx.shares.add_recipient(recipient)

    def receive(number: int) -> None:
        with database.write() as tx:
            earlier = tx.receipts.get(share.id, "document", recipient.id, "subject")
            covered = merge_ranges([*(earlier.covered if earlier else ()), (number * 10, number * 10 + 10)])
            tx.receipts.save(Receipt(share.id, "document", recipient.id, "subject", NOW, NOW, covered))

    together(6, receive)
    with database.read() as tx:
        receipt = existing(tx.receipts.get(share.id, "document", recipient.id, "subject"))
    assert receipt.covered == ((0, 60),)


def test_a_login_under_way_is_taken_by_one(database: Database) -> None:
    with database.write() as tx:
        tx.sessions.add_pending(PendingLoginRecord("state", b"sealed", NOW))

    def take(_: int) -> bool:
        with database.write() as tx:
            return tx.sessions.take_pending("state") is not None

    assert sorted(together(4, take)) == [False, False, False, True]


def test_many_threads_read_while_others_write(database: Database) -> None:
    def work(number: int) -> int:
        for _ in range(5):
            keep(database, draft())
            with database.read() as tx:
                assert tx.tenants.all() == [TENANT]
        return number

    assert together(12, work) == list(range(12))
