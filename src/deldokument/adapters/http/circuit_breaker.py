"""Stops asking a register that does not answer, so that nobody waits out its time limits again and again.

Promises that after a number of failures on end nothing is asked for a while; that then one question goes through, while
the others still wait their turn; and that one answer heals it. Does not know what a failure is: its user says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

FAILURES: Final = 3
PAUSE_SECONDS: Final = 10.0


class Breaker:
    """Opens after ``failures`` in a row, for ``pause_seconds`` seconds of ``clock`` (monotonic). Thread-safe."""

    def __init__(
        self, clock: Callable[[], float], *, failures: int = FAILURES, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._clock = clock
        self._limit = failures
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._next_probe = 0.0

    def admits(self) -> bool:
        """Whether a question may be asked now. A probe that is never told about is followed by another in a while."""
        with self._lock:
            if self._failures < self._limit:
                return True
            now = self._clock()
            if now < self._next_probe:
                return False
            self._next_probe = now + self._pause_seconds
            return True

    def answered(self) -> None:
        """A question was answered, however it was answered."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """A question got no answer."""
        with self._lock:
            self._failures += 1
            self._next_probe = self._clock() + self._pause_seconds
