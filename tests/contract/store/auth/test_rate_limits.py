"""Each call of a consumer is counted once, also when calls are concurrent, and never beyond the limit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from deldokument.store.database import Database
from tests.contract.records import DAY, NOW

STEP, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def test_a_call_moves_the_instant_on_from_now_at_the_earliest(database: Database) -> None:
    with database.write() as tx:
        assert tx.rate_limits.spent_until("a") is None
        assert tx.rate_limits.take("a", NOW, STEP, NOW + MINUTE) == NOW + STEP
        assert tx.rate_limits.take("a", NOW, STEP, NOW + MINUTE) == NOW + 2 * STEP
        assert tx.rate_limits.take("b", NOW, STEP, NOW + MINUTE) == NOW + STEP
        assert tx.rate_limits.take("a", NOW + MINUTE, STEP, NOW + 2 * MINUTE) == NOW + MINUTE + STEP
        assert tx.rate_limits.spent_until("a") == NOW + MINUTE + STEP


def test_nothing_is_counted_past_what_there_is(database: Database) -> None:
    with database.write() as tx:
        assert tx.rate_limits.take("a", NOW, STEP, NOW + STEP) == NOW + STEP
        assert tx.rate_limits.take("a", NOW, STEP, NOW + STEP) is None
        assert tx.rate_limits.spent_until("a") == NOW + STEP


def test_a_clock_that_is_set_back_locks_nobody_out_for_long(database: Database) -> None:
    with database.write() as tx:
        for _ in range(60):
            assert tx.rate_limits.take("a", NOW, STEP, NOW + MINUTE)
        # Nodes that ask at the same time differ a little: that gives nobody a fresh allowance.
        for behind in (timedelta(milliseconds=5), MINUTE):
            assert tx.rate_limits.take("a", NOW - behind, STEP, NOW - behind + MINUTE) is None
        back = NOW - MINUTE - STEP
        assert tx.rate_limits.take("a", back, STEP, back + MINUTE) == back + STEP


def test_calls_at_once_are_each_counted_and_no_more_than_there_are(database: Database) -> None:
    def call(_: int) -> bool:
        with database.write() as tx:
            return tx.rate_limits.take("a", NOW, STEP, NOW + 10 * STEP) is not None

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(call, range(20))) == 10


def test_a_consumer_without_calls_for_long_is_forgotten(database: Database) -> None:
    with database.write() as tx:
        tx.rate_limits.take("old", NOW - DAY, STEP, NOW)
        tx.rate_limits.take("young", NOW, STEP, NOW + MINUTE)
        assert tx.rate_limits.forget(NOW) == 1
        assert tx.rate_limits.spent_until("old") is None
        assert tx.rate_limits.spent_until("young") == NOW + STEP
