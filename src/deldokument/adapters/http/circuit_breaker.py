"""Circuit breaker for a register that does not respond, so that callers do not wait for its time-outs.

Guarantees:
- After a number of consecutive failures no request is admitted for a while.
- Then one probe is admitted, while all others are still refused.
- One response closes the breaker.

The caller decides what counts as a failure.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3
PAUSE_SECONDS: Final = 10.0


class Breaker:
    """A breaker that opens after ``failures`` in a row, for ``pause_seconds`` of ``clock`` (monotonic). Thread-safe."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        failures: int = FAILURES,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._clock = clock
        self._limit = failures
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._next_probe = 0.0
        self.observe: Callable[[bool], object] = bool
        """Called after each response and each failure with whether the breaker is open: from the failure that opens it
        to the next response."""

    def admits(self) -> bool:
        """Return whether a request may be sent now.

        If the result of a probe is never reported, another probe is admitted after the pause.
        """
        with self._lock:
            if self._failures < self._limit:
                return True
            now = self._clock()
            if now < self._next_probe:
                return False
            self._next_probe = now + self._pause_seconds
            return True

    def record_answer(self) -> None:
        """Report that a request got a response, of any kind."""
        with self._lock:
            self._failures = 0
            self.observe(False)

    def record_failure(self) -> None:
        """Report that a request got no response."""
        with self._lock:
            self._failures += 1
            self._next_probe = self._clock() + self._pause_seconds
            self.observe(self._failures >= self._limit)
