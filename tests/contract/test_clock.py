"""The clocks' contract, and how each of them comes by the time."""

import linecache
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from deldokument.adapters.clock import DatabaseClock, ShiftedClock, SystemClock
from deldokument.domain.errors import Unavailable
from deldokument.ports.clock import Clock
from tests.support.deployment.deployment import wait_until

A_MOMENT = timedelta(seconds=5)
OSLO = timezone(timedelta(hours=1))


def here() -> datetime:
    return datetime.now(UTC)


class Database:
    """A server whose clock is ``ahead`` of this machine's; counts how often it is asked."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead
        self.asked = 0
        self.down = False

    def now(self) -> datetime:
        self.asked += 1
        if self.down:
            raise Unavailable("database")
        return datetime.now(OSLO) + self.ahead


CLOCKS: dict[str, Callable[[Path], Clock]] = {
    "system": lambda _: SystemClock(),
    "shifted": lambda path: ShiftedClock(path / "offset"),
    "database": lambda _: DatabaseClock(Database().now),
}


@pytest.fixture(params=CLOCKS)
def clock(request: pytest.FixtureRequest, tmp_path: Path) -> Clock:
    return CLOCKS[request.param](tmp_path)


@pytest.fixture
def shifted(tmp_path: Path) -> ShiftedClock:
    return ShiftedClock(tmp_path / "offset")


def test_now_is_the_present_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - here()) < A_MOMENT


def test_time_neither_stops_nor_goes_back(clock: Clock) -> None:
    instants = [clock.now() for _ in range(1000)]
    assert instants == sorted(instants)
    assert instants[0] < instants[-1]


def test_clocks_that_agree_have_no_skew(clock: Clock) -> None:
    assert timedelta(0) <= clock.skew() < timedelta(seconds=1)


def test_a_moved_clock_is_moved_for_all_who_share_the_file(shifted: ShiftedClock, tmp_path: Path) -> None:
    other = ShiftedClock(tmp_path / "offset")
    for offset in (timedelta(days=30), timedelta(hours=-2), timedelta(seconds=0.5)):
        shifted.set_offset(offset)
        for clock in (shifted, other):
            assert abs(clock.now() - here() - offset) < A_MOMENT
            assert clock.offset() == offset


def test_a_moved_clock_has_no_skew(shifted: ShiftedClock) -> None:
    shifted.set_offset(timedelta(days=400))
    assert shifted.skew() == timedelta(0)


def test_moving_the_clock_leaves_one_file(shifted: ShiftedClock, tmp_path: Path) -> None:
    shifted.set_offset(timedelta(days=1))
    shifted.set_offset(timedelta(days=2))
    assert [path.name for path in tmp_path.iterdir()] == ["offset"]


def test_a_clock_moved_back_home_by_removing_the_file_is_not_moved(shifted: ShiftedClock, tmp_path: Path) -> None:
    shifted.set_offset(timedelta(days=1))
    shifted.now()
    (tmp_path / "offset").unlink()
    assert abs(shifted.now() - here()) < A_MOMENT


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "1e300"])
def test_an_offset_that_is_no_number_of_seconds_stops_the_clock(
    shifted: ShiftedClock, tmp_path: Path, text: str
) -> None:
    (tmp_path / "offset").write_text(text)
    with pytest.raises(Unavailable):
        shifted.now()


def test_the_database_decides_and_the_skew_is_the_difference() -> None:
    for ahead in (timedelta(minutes=10), timedelta(minutes=-10)):
        clock = DatabaseClock(Database(ahead).now)
        assert abs(clock.now() - here() - ahead) < A_MOMENT
        assert abs(clock.skew() - abs(ahead)) < timedelta(seconds=1)


def test_the_database_is_asked_seldom() -> None:
    database = Database()
    clock = DatabaseClock(database.now)
    for _ in range(1000):
        clock.now()
        clock.skew()
    assert database.asked == 1


def test_the_database_is_asked_again_when_its_answer_is_old() -> None:
    database = Database()
    clock = DatabaseClock(database.now, refresh_every=timedelta(0))
    clock.now()
    database.ahead = timedelta(days=1)
    assert clock.now() - here() > timedelta(hours=23)


def test_without_the_database_there_is_no_time() -> None:
    database = Database()
    clock = DatabaseClock(database.now, refresh_every=timedelta(0))
    clock.now()
    database.down = True
    with pytest.raises(Unavailable):
        clock.now()


def test_many_threads_ask_the_database_once() -> None:
    database = Database()
    clock = DatabaseClock(database.now)
    with ThreadPoolExecutor(16) as pool:
        for asked in [pool.submit(clock.now) for _ in range(16)]:
            asked.result()
    assert database.asked == 1


class SlowDatabase(Database):
    """Answers once ``may_answer`` is set. ``in_question`` is set while it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.in_question, self.may_answer = threading.Event(), threading.Event()

    def now(self) -> datetime:
        self.in_question.set()
        assert self.may_answer.wait(30)
        return super().now()


def waiting_for_another() -> int:
    """How many threads are at the line where they wait for the one that asks."""
    code = DatabaseClock._fresh_reading.__code__
    at = [frame.f_lineno for frame in sys._current_frames().values() if frame.f_code is code]
    return sum("acquire()" in linecache.getline(code.co_filename, line) for line in at)


def test_while_one_thread_asks_the_others_go_on_with_the_reading_before() -> None:
    """They may have the connection that it needs."""
    database = SlowDatabase()
    database.may_answer.set()
    clock = DatabaseClock(database.now, refresh_every=timedelta(0))
    clock.now()
    database.may_answer.clear()
    database.in_question.clear()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(clock.now)
        assert database.in_question.wait(30)
        for _ in range(16):
            assert abs(clock.now() - here()) < A_MOMENT
        assert not asking.done()
        database.may_answer.set()
        asking.result()
    assert database.asked == 2


def test_threads_that_wait_for_the_time_fail_with_the_one_that_asks() -> None:
    """One after the other, each would wait until the database does not answer it either."""
    database = SlowDatabase()
    database.down = True
    clock = DatabaseClock(database.now)
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(clock.now)]
        assert database.in_question.wait(30)
        waiting += [pool.submit(clock.now) for _ in range(15)]
        wait_until(lambda: waiting_for_another() == 15, 30, "they do not wait")
        database.may_answer.set()
        assert all(isinstance(one.exception(30), Unavailable) for one in waiting)
    assert database.asked == 1
    database.down = False
    assert abs(clock.now() - here()) < A_MOMENT
