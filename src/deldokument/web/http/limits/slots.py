"""Bounded thread pool for a route that waits for external services on behalf of anonymous callers.

Guarantees:
- The route's work never takes a thread of the shared pool.
- If all threads are taken, a request is refused; nothing queues for a thread.
- Refusals are immediate. In a flood each is delayed on the event loop, so that they do not use up the processor.
- After the work has raised NotReady, the route refuses requests for a second.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

from deldokument.domain.errors import NotReady
from deldokument.server.thread_pool import ContextThreadPool
from deldokument.server.transfer_threads import wait_for_result

_CLOSED_SECONDS = 1.0
AT_ONCE = 50
"""Immediate refusals in a burst, and refusals per second after it."""
_MAX_DELAY_SECONDS = 2.0
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class SlotsTaken(NotReady):
    """All threads of the route are taken, or it is refusing requests for a second."""

    def __init__(self, detail: str) -> None:
        super().__init__("login_busy", detail=detail)


class Slots:
    """Pool of ``count`` threads. Use it from the event loop's thread only. ``clock`` is monotonic."""

    def __init__(self, count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._taken = 0
        self._closed_until = 0.0
        self._paced_until = 0.0
        self._pool = ContextThreadPool(count, "login")

    async def run(self, work: Callable[_Given, _Result], *args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        """Run ``work`` in a thread; a cancelled caller waits until it has ended.

        Raises: SlotsTaken.
        """
        if self._taken >= self._count:
            await self._refuse(f"all {self._count} threads are taken")
        if self._clock() < self._closed_until:
            await self._refuse("too much a moment ago")
        self._taken += 1
        try:
            loop = asyncio.get_running_loop()
            return await wait_for_result(loop.run_in_executor(self._pool, lambda: work(*args, **kwargs)))
        except NotReady:
            # A limit in the database was reached. Counting again for each request would put load on the database.
            self._closed_until = self._clock() + _CLOSED_SECONDS
            raise
        finally:
            self._taken -= 1

    async def _refuse(self, detail: str) -> NoReturn:
        """Raise SlotsTaken; in a flood of refusals, after a delay on the event loop (GCRA, burst of a second)."""
        now = self._clock()
        self._paced_until = max(now, self._paced_until) + 1 / AT_ONCE
        delay = self._paced_until - now - 1.0
        if delay > 0:
            self._paced_until = min(self._paced_until, now + 1.0 + _MAX_DELAY_SECONDS)
            await asyncio.sleep(min(delay, _MAX_DELAY_SECONDS))
        raise SlotsTaken(detail)


class LogThrottle:
    """Throttle that admits one log line per ``seconds``, so that a flood of requests does not flood the log."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._next_at = 0.0

    def admits(self) -> bool:
        """Return whether to write a line now. Two threads at the same instant may both write one."""
        now = self._clock()
        if now < self._next_at:
            return False
        self._next_at = now + self._seconds
        return True
