"""A consumer's allowance as its calls are told of it.

Promises headers as draft-ietf-httpapi-ratelimit-headers-10 writes them, on answers and refusals alike, and that however
much one consumer asks at once, by whichever interface, the others find threads. How calls are counted, for all nodes
together, is services.api.rate_limit'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.concurrency import run_in_threadpool

from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies
from deldokument.services.api.rate_limit import WINDOW, RateLimitStatus, consume
from deldokument.web.http.errors import RateLimited

_WINDOW_SECONDS = int(WINDOW.total_seconds())
MAX_CONCURRENT = 20
"""So many requests of one consumer are under way at once: about half of the threads that serve everybody."""
MAX_COUNTED = 10
"""So many are being counted at once."""


class ConcurrencyLimiter:
    """What each consumer has under way in this process."""

    def __init__(self) -> None:
        self._under_way, self._counting = Counter[str](), Counter[str]()

    @contextmanager
    def one_more(self, consumer: Consumer) -> Iterator[None]:
        """Raises RateLimited."""
        with _one_of(self._under_way, consumer, MAX_CONCURRENT):
            yield

    async def counted(self, deps: Dependencies, consumer: Consumer) -> dict[str, str]:
        """The headers of a call that has been counted. Raises RateLimited when there was none left.

        Those over their limit wait for the database one by one, and may not fill the threads.
        """
        with _one_of(self._counting, consumer, MAX_COUNTED):
            left = await run_in_threadpool(consume, deps, consumer.organization)
        if left.retry_seconds:
            raise RateLimited(left.retry_seconds, _headers(left))
        return _headers(left)


@contextmanager
def _one_of(all_of_them: Counter[str], consumer: Consumer, most: int) -> Iterator[None]:
    whose = consumer.organization.value
    if all_of_them[whose] >= most:
        raise RateLimited(1, {})
    all_of_them[whose] += 1
    try:
        yield
    finally:
        all_of_them -= Counter((whose,))


def _headers(left: RateLimitStatus) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"consumer";q={left.limit};w={_WINDOW_SECONDS}',
        "RateLimit": f'"consumer";r={left.remaining};t={left.reset_seconds}',
    }
