"""Named requests are kept, found and forgotten as the contract says."""

import threading
from dataclasses import replace

from deldokument.store.auth.idempotency import IdempotencyRecord
from deldokument.store.database import Database
from tests.contract.records import HOUR, NOW

REQUEST = IdempotencyRecord(b"\x01" * 32, b"\x02" * 32, "new", NOW, NOW + HOUR)


def test_a_request_comes_back_as_it_was_saved_last(database: Database) -> None:
    done = replace(REQUEST, sealed_answer=b"sealed")
    with database.write() as tx:
        assert tx.idempotency.lock(REQUEST.id) is None
        tx.idempotency.save(REQUEST)
        assert tx.idempotency.lock(REQUEST.id) == REQUEST
        tx.idempotency.save(done)
    with database.write() as tx:
        assert tx.idempotency.lock(REQUEST.id) == done


def test_a_removed_request_is_gone_and_one_that_is_not_there_is_no_error(database: Database) -> None:
    with database.write() as tx:
        tx.idempotency.save(REQUEST)
        tx.idempotency.remove(REQUEST.id)
        tx.idempotency.remove(REQUEST.id)
        assert tx.idempotency.lock(REQUEST.id) is None


def test_the_oldest_are_forgotten_first_and_the_young_stay(database: Database) -> None:
    with database.write() as tx:
        for hours in range(4):
            tx.idempotency.save(replace(REQUEST, id=bytes([hours]) * 32, created_at=NOW + hours * HOUR))
        assert tx.idempotency.forget(NOW + 3 * HOUR, 2) == 2
        assert [tx.idempotency.lock(bytes([hours]) * 32) is None for hours in range(4)] == [True, True, False, False]
        assert tx.idempotency.forget(NOW + 3 * HOUR, 2) == 1
        assert tx.idempotency.forget(NOW + 3 * HOUR, 2) == 0


def test_of_two_that_find_nothing_at_once_the_second_finds_the_row_of_the_first(database: Database) -> None:
    outcomes: list[IdempotencyRecord | None] = []
    ready = threading.Barrier(2)

    def take() -> None:
        ready.wait(20)
        with database.write() as tx:
            found = tx.idempotency.lock(REQUEST.id)
            outcomes.append(found)
            if found is None:
                tx.idempotency.save(REQUEST)

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=lambda found: found is not None) == [None, REQUEST]
