"""Threads for clients that are quick: one moves a stretch of bytes between a socket on loan and a use case.

Promises that they are few, and the helpers that read ahead for them, too; that the event loop comes before them when a
processor is short; that a client that is slow or hangs occupies one for some hundred milliseconds at most; and that
whoever finds the lanes taken goes on by the event loop. Deliberately does not know what is moved.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from deldokument.server.socket_lending import SocketLease

log = logging.getLogger("deldokument.web")
_CORES = os.cpu_count() or 1
LANES = 4
_THREADS = min(LANES, _CORES)
"""More would only take turns that the event loop waits for; the lanes take turns at them, a stretch each."""
HELPERS = max(1, _CORES // 2)
"""A helper is worth having where it has a core of its own; none has when there is a lane for each."""
_NICENESS = 5
"""Enough for the event loop to go first, little enough to get on beside a busy neighbour."""
FEW = 16
"""So many transfers at once may each have buffers of megabytes."""
STRETCH = 2**26
"""Bytes after which the event loop is asked again whether it may go on."""
STRETCH_SECONDS = 0.2
QUICK = 20_000_000
"""Bytes a second that a client must move to be given a lane and to keep it."""
PROBATION = 2**21
"""Bytes over which it is seen how quick a client is."""

_Result = TypeVar("_Result")


class ConcurrencyGauge:
    """The transfers under way, up and down: when they are many, each takes less memory. For the event loop's thread."""

    def __init__(self) -> None:
        self._size = 0

    def join(self) -> None:
        """One more."""
        self._size += 1

    def leave(self) -> None:
        """One less."""
        self._size -= 1

    @property
    def is_small(self) -> bool:
        """Whether each may have buffers of megabytes."""
        return self._size <= FEW


crowd = ConcurrencyGauge()


class TransferThreads:
    """A handful of threads, and who has one."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, name, _lower_priority)
        self._free = threading.BoundedSemaphore(LANES)
        self._name = name
        self._taken = 0
        self._is_used = False
        self._helpers = ThreadPoolExecutor(HELPERS, f"{name}-helper", _lower_priority)
        self._idle = threading.BoundedSemaphore(HELPERS)

    @contextmanager
    def entered(self) -> Iterator[bool]:
        """Whether there is a lane; it is kept until the block is left. For the event loop's thread."""
        entered = self._free.acquire(blocking=False)
        self._taken += entered
        try:
            yield entered
        finally:
            self._taken -= entered
            if entered:
                self._free.release()

    def run(self, stretch: Callable[[], bool]) -> asyncio.Future[bool]:
        """One stretch, in a thread. The first is told, so that an operator sees whether sockets are lent at all."""
        if not self._is_used:
            log.info("%ss of quick clients go by sockets lent to threads", self._name)
            self._is_used = True
        return asyncio.get_running_loop().run_in_executor(self._pool, stretch)

    @contextmanager
    def ahead(self, steps: Iterator[_Result]) -> Iterator[Iterator[_Result]]:
        """The same steps, each made by a helper while the one before it is used.

        When all helpers or cores are taken, whoever uses the steps makes them.
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
    """This thread goes after the event loop's. Linux: the niceness is the thread's own (sched(7))."""
    this = threading.get_native_id()
    # Where a filter of system calls refuses it, bytes move all the same.
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, this, os.getpriority(os.PRIO_PROCESS, this) + _NICENESS)


def _ahead(steps: Iterator[_Result], helper: ThreadPoolExecutor) -> Generator[_Result]:
    coming = helper.submit(next, steps, None)
    try:
        while (step := coming.result()) is not None:
            coming = helper.submit(next, steps, None)
            yield step
    finally:
        wait([coming])


async def ended(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until threads have ended, however often the waiting is cancelled: they do not stop for that."""
    cancelled: asyncio.CancelledError | None = None
    while waiting := [future for future in futures if not future.done()]:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled:
        raise cancelled


async def outlived(future: asyncio.Future[_Result]) -> _Result:
    """What a thread comes to; when the waiting is cancelled, not before the thread has ended."""
    await ended([future])
    return future.result()


class ThroughputMeter:
    """How quickly bytes come by the event loop."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._came = 0

    def is_quick(self, count: int) -> bool:
        """``count`` more have come: whether they do so quickly, told once in PROBATION bytes."""
        self._came += count
        if self._came < PROBATION:
            return False
        seconds, came = time.monotonic() - self._since, self._came
        self._since, self._came = time.monotonic(), 0
        return came >= QUICK * seconds


def is_quick(rate: float) -> bool:
    """Whether so many bytes a second are worth a lane."""
    return rate >= QUICK


def burst(move: Callable[[float], int], lease: SocketLease) -> bool:
    """Call ``move`` until it has moved a stretch, or all that is left, or its time is over; whether it went quickly."""
    began, moved = time.monotonic(), 0
    until = began + STRETCH_SECONDS
    while lease.left and not lease.is_stuck and moved < STRETCH and time.monotonic() < until:
        moved += move(until)
    return not lease.is_stuck and moved >= QUICK * (time.monotonic() - began)
