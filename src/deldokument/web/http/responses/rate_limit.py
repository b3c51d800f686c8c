"""Rate limit headers and concurrency limit of API consumers.

Guarantees:
- Headers follow draft-ietf-httpapi-ratelimit-headers-10, on answered and refused requests alike.
- Concurrent requests of one consumer, through all interfaces, leave threads for the others.

`services.rate_limit` counts requests for all nodes together.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from starlette.concurrency import run_in_threadpool

from deldokument.domain.identifiers import Consumer
from deldokument.ports.dependencies import Dependencies
from deldokument.services.rate_limit import RateLimit, RateLimitStatus, consume
from deldokument.web.http.responses.errors import ConsumerLimited

_WINDOW = timedelta(minutes=1)
_WINDOW_SECONDS = int(_WINDOW.total_seconds())
MAX_CONCURRENT = 20
"""Concurrent requests of one consumer: about half of the threads that serve everybody."""
MAX_COUNTED = 10
"""Requests of one consumer that are being counted at once."""


class ConcurrencyLimiter:
    """Limiter of the concurrent requests of each consumer, and of all anonymous callers together, in this process."""

    def __init__(self) -> None:
        self._under_way, self._counting = Counter[str](), Counter[str]()

    @contextmanager
    def one_more(self, consumer: Consumer | None) -> Iterator[None]:
        """Count the request as running within the context; None for an anonymous caller.

        Raises: ConsumerLimited if the consumer has too many running.
        """
        with _one_of(self._under_way, consumer.organization.value if consumer else "", MAX_CONCURRENT):
            yield

    async def count_request(self, deps: Dependencies, consumer: Consumer) -> dict[str, str]:
        """Count a request against the rate limit; return its headers.

        The number of requests in this step is limited too. Those over the rate limit wait for the database one by one,
        and must not use up the threads.

        Raises: ConsumerLimited if no request is left, or too many are being counted.
        """
        with _one_of(self._counting, consumer.organization.value, MAX_COUNTED):
            limit = RateLimit("rate_limited", deps.config.api_requests_per_minute, _WINDOW)
            left = await run_in_threadpool(consume, deps, limit, consumer.organization.value)
        if left.retry_seconds:
            raise ConsumerLimited(left.retry_seconds, _headers(left))
        return _headers(left)


@contextmanager
def _one_of(all_of_them: Counter[str], owner: str, most: int) -> Iterator[None]:
    if all_of_them[owner] >= most:
        raise ConsumerLimited(1, {})
    all_of_them[owner] += 1
    try:
        yield
    finally:
        all_of_them -= Counter((owner,))


def _headers(left: RateLimitStatus) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"consumer";q={left.limit};w={_WINDOW_SECONDS}',
        "RateLimit": f'"consumer";r={left.remaining};t={left.reset_seconds}',
    }
