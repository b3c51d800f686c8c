"""Thread pools for transfers of fast clients. A thread moves one stretch of bytes between a lent socket and a use case.

Guarantees:
- There are few threads, and few helpers that read ahead for them.
- If CPU time is short, the event loop has priority.
- A slow or hanging client occupies a thread for a few hundred milliseconds at most.
- A transfer that gets no lane continues on the event loop.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import wait
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from deldokument.server.socket_lending import SocketLease
from deldokument.server.thread_pool import ContextThreadPool

log = logging.getLogger("deldokument.web")
_CORES = os.cpu_count() or 1
LANES = 4
_THREADS = min(LANES, _CORES)
"""More threads would compete with the event loop; lanes take turns on the threads, one stretch each."""
HELPERS = max(1, _CORES // 2)
"""A helper pays only with a core of its own, which none has while every core runs a lane."""
_NICENESS = 5
"""Low enough priority that the event loop goes first, high enough to progress beside a busy neighbour."""
FEW = 16
"""Number of simultaneous transfers that may each have buffers of megabytes."""
STRETCH = 2**26
"""Bytes after which the event loop decides again whether the transfer continues in a thread."""
STRETCH_SECONDS = 0.2
QUICK = 20_000_000
"""Bytes per second that a client must move to get a lane and to keep it."""
PROBATION = 2**21
"""Bytes over which a client's speed is measured."""

_Result = TypeVar("_Result")


class ConcurrencyGauge:
    """The number of transfers in progress: if there are many, each gets less memory. For the event loop's thread."""

    def __init__(self) -> None:
        self._size = 0

    def join(self) -> None:
        """Add a transfer."""
        self._size += 1

    def leave(self) -> None:
        """Remove a transfer that has ended."""
        self._size -= 1

    @property
    def is_small(self) -> bool:
        """Whether each transfer may have buffers of megabytes."""
        return self._size <= FEW


crowd = ConcurrencyGauge()


class TransferThreads:
    """A few threads, with a limited number of lanes, and helpers."""

    def __init__(self, name: str) -> None:
        self._pool = ContextThreadPool(_THREADS, name, _lower_priority)
        self._free = threading.BoundedSemaphore(LANES)
        self._name = name
        self._taken = 0
        self._is_used = False
        self._helpers = ContextThreadPool(HELPERS, f"{name}-helper", _lower_priority)
        self._idle = threading.BoundedSemaphore(HELPERS)

    @contextmanager
    def enter(self) -> Iterator[bool]:
        """Yield whether a lane was free; it stays taken until the block ends.

        For the event loop's thread.
        """
        entered = self._free.acquire(blocking=False)
        self._taken += entered
        try:
            yield entered
        finally:
            self._taken -= entered
            if entered:
                self._free.release()

    def run(self, stretch: Callable[[], bool]) -> asyncio.Future[bool]:
        """Run one stretch in a thread.

        The first one is logged, so that an operator can see whether sockets are lent.
        """
        if not self._is_used:
            log.info("%ss of fast clients use sockets lent to threads", self._name)
            self._is_used = True
        return asyncio.get_running_loop().run_in_executor(self._pool, stretch)

    @contextmanager
    def ahead(self, steps: Iterator[_Result]) -> Iterator[Iterator[_Result]]:
        """Yield the same steps, each computed by a helper while the previous one is used.

        If all helpers or cores are busy, the consumer computes them itself.
        """
        if self._taken >= _CORES or not self._idle.acquire(blocking=False):
            yield steps
            return
        try:
            with closing(_ahead(steps, self._helpers)) as coming:
                yield coming
        finally:
            self._idle.release()


def _lower_priority() -> None:
    """Give this thread lower priority than the event loop's.

    On Linux niceness is per thread (sched(7)).
    """
    this = threading.get_native_id()
    # A seccomp filter may refuse it; transfers work all the same.
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, this, os.getpriority(os.PRIO_PROCESS, this) + _NICENESS)


def _ahead(steps: Iterator[_Result], helper: ContextThreadPool) -> Generator[_Result]:
    coming = helper.submit(next, steps, None)
    try:
        while (step := coming.result()) is not None:
            coming = helper.submit(next, steps, None)
            yield step
    finally:
        wait([coming])


async def wait_for_threads(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until the threads have ended, even if the wait is cancelled: cancelling does not stop threads."""
    cancelled: asyncio.CancelledError | None = None
    while waiting := [future for future in futures if not future.done()]:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled


async def wait_for_result(future: asyncio.Future[_Result]) -> _Result:
    """Return a thread's result; if cancelled, raise only after the thread has ended."""
    await wait_for_threads([future])
    return future.result()


class ThroughputMeter:
    """Measures the speed of a transfer over the event loop."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._came = 0

    def is_quick(self, count: int) -> bool:
        """Count ``count`` more bytes.

        Returns True, once per PROBATION bytes, if they came fast enough for a lane.
        """
        self._came += count
        if self._came < PROBATION:
            return False
        seconds, came = time.monotonic() - self._since, self._came
        self._since, self._came = time.monotonic(), 0
        return came >= QUICK * seconds


def is_quick(rate: float) -> bool:
    """Return whether a rate, in bytes per second, is high enough for a lane."""
    return rate >= QUICK


def burst(move: Callable[[float], int], lease: SocketLease) -> bool:
    """Call ``move`` until a stretch has moved, nothing is left, or time is up; return whether it was fast enough."""
    began, moved = time.monotonic(), 0
    until = began + STRETCH_SECONDS
    while lease.left and not lease.is_stuck and moved < STRETCH and time.monotonic() < until:
        moved += move(until)
    return not lease.is_stuck and moved >= QUICK * (time.monotonic() - began)
