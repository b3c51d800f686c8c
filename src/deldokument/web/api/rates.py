"""How often each consumer may call: a bucket each, that fills at an even pace.

Promises that a consumer who keeps within the limit is never refused, that one who does not costs the others nothing,
and that memory is bounded. Counts on this node alone (decision 0028).
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from deldokument.web.errors import RateLimited

WINDOW_S = 60
_CONSUMERS = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a consumer: ``remaining`` calls now, all of them again in ``reset_s`` seconds."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 writes it."""
        return {
            "RateLimit-Policy": f'"consumer";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"consumer";r={self.remaining};t={self.reset_s}',
        }


class Rates:
    """``per_minute`` calls for each consumer. ``clock`` is monotonic, in seconds. Thread-safe."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._pace = per_minute / WINDOW_S
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, consumer: str) -> Allowance:
        """One call. Raises RateLimited when there is none left."""
        with self._lock:
            now = self._clock()
            left, at = self._buckets.pop(consumer, (float(self._limit), now))
            left = min(self._limit, left + (now - at) * self._pace)
            taken = left >= 1
            self._buckets[consumer] = (left - taken, now)
            if len(self._buckets) > _CONSUMERS:
                self._buckets.popitem(last=False)
        if not taken:
            raise RateLimited(math.ceil((1 - left) / self._pace), self._allowance(left).headers())
        return self._allowance(left - 1)

    def _allowance(self, left: float) -> Allowance:
        return Allowance(self._limit, int(left), math.ceil((self._limit - left) / self._pace))
