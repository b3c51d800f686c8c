"""Waiting for threads: they end before the caller goes on, however often the wait is cancelled."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from contextvars import ContextVar

import pytest

from deldokument.server.transfer_threads import HELPERS, LANES, TransferThreads, wait_for_result

pytestmark = pytest.mark.once


def test_a_thread_is_never_left_behind_by_a_request_that_is_cancelled_twice() -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def work() -> int:
        may_end.wait(20)
        has_ended.set()
        return 7

    async def cancelled_twice() -> None:
        waiting = asyncio.ensure_future(wait_for_result(asyncio.get_running_loop().run_in_executor(None, work)))
        for _ in range(2):
            await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert has_ended.is_set()

    asyncio.run(cancelled_twice())


def test_the_result_of_the_thread_is_returned() -> None:
    async def result() -> int:
        return await wait_for_result(asyncio.get_running_loop().run_in_executor(None, lambda: 7))

    assert asyncio.run(result()) == 7


def test_steps_computed_ahead_are_the_same_steps_and_none_is_running_at_the_end() -> None:
    done: list[int] = []
    is_making = threading.Event()

    def steps() -> Iterator[int]:
        for number in range(5):
            is_making.set()
            time.sleep(0.02)
            is_making.clear()
            done.append(number)
            yield number

    lanes = TransferThreads("test")
    with lanes.ahead(steps()) as coming:
        assert list(coming) == [0, 1, 2, 3, 4]
    done.clear()
    with lanes.ahead(steps()) as coming:
        assert next(coming) == 0
    assert not is_making.is_set()
    assert done == [0, 1]


def test_threads_and_helpers_see_the_trace_of_the_request_that_they_work_for() -> None:
    trace = ContextVar[str]("trace")
    lanes = TransferThreads("test")

    def stretch() -> bool:
        with lanes.ahead(trace.get() for _ in range(2)) as coming:
            return [trace.get(), *coming] == ["of the request"] * 3

    async def request() -> bool:
        trace.set("of the request")
        return await lanes.run(stretch)

    assert asyncio.run(request())


def test_a_step_that_fails_fails_after_those_before_it_were_used() -> None:
    def steps() -> Iterator[int]:
        yield 1
        raise OSError("the store is gone")

    with TransferThreads("test").ahead(steps()) as coming:
        assert next(coming) == 1
        with pytest.raises(OSError, match="the store is gone"):
            next(coming)


def steps_by_thread(count: int) -> Iterator[int]:
    """Yield, for each step, the id of the thread that makes it."""
    for _ in range(count):
        yield threading.get_ident()


def test_a_caller_without_a_free_helper_makes_the_steps_itself() -> None:
    lanes, this = TransferThreads("test"), threading.get_ident()
    with ExitStack() as taken:
        for _ in range(HELPERS):
            assert this not in list(taken.enter_context(lanes.ahead(steps_by_thread(3))))
        with lanes.ahead(steps_by_thread(3)) as none_left:
            assert set(none_left) == {this}
    with lanes.ahead(steps_by_thread(3)) as coming:
        assert this not in list(coming)


def test_where_every_core_has_a_lane_nobody_is_helped() -> None:
    lanes, this = TransferThreads("test"), threading.get_ident()
    with ExitStack() as taken:
        entered = [taken.enter_context(lanes.enter()) for _ in range(LANES)]
        with lanes.ahead(steps_by_thread(3)) as alone:
            assert all(entered)
            assert (set(alone) == {this}) == ((os.cpu_count() or 1) <= LANES)
    with lanes.enter(), lanes.ahead(steps_by_thread(3)) as coming:
        assert (this in list(coming)) == (os.cpu_count() == 1)


LANE_AND_HELPER = """
import asyncio, os, threading
from deldokument.server.transfer_threads import TransferThreads
def niceness():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
def steps():
    yield niceness()
async def in_a_lane():
    found = []
    await lanes.run(lambda: found.append(niceness()))
    return found
lanes = TransferThreads("test")
found = asyncio.run(in_a_lane())
with lanes.ahead(steps()) as coming:
    print(niceness(), *found, *coming)
"""


@pytest.mark.parametrize("before", [0, 10, 19])
def test_the_event_loop_comes_before_the_threads_that_move_bytes(before: int) -> None:
    later = min(before + 5, 19)
    assert said("nice", "-n", f"{before - os.nice(0)}") == f"{before} {later} {later}"


def test_bytes_move_where_threads_cannot_lower_their_priority() -> None:
    """As a unit of systemd does, whose filter of system calls answers with EPERM."""
    refusing = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=setpriority:error=EPERM")
    assert said(*refusing) == " ".join([f"{os.nice(0)}"] * 3)


def said(*before: str) -> str:
    """What the program says that is run so."""
    command = [*before, sys.executable, "-c", LANE_AND_HELPER]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
