"""A consumer's allowance as its calls are told of it.

Promises headers as draft-ietf-httpapi-ratelimit-headers-10 writes them, on answers and refusals alike. How it is
counted, for all nodes together, is services.allowances'.
"""

from __future__ import annotations

from deldokument.domain.identifiers import Consumer
from deldokument.services.allowances import WINDOW, Allowance, take_call
from deldokument.services.ports import World
from deldokument.web.errors import RateLimited

_WINDOW_S = int(WINDOW.total_seconds())


def counted(world: World, consumer: Consumer) -> dict[str, str]:
    """The headers of a call that has been counted. Raises RateLimited when there was none left."""
    left = take_call(world, consumer.organization)
    if left.retry_s:
        raise RateLimited(left.retry_s, _headers(left))
    return _headers(left)


def _headers(left: Allowance) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"consumer";q={left.limit};w={_WINDOW_S}',
        "RateLimit": f'"consumer";r={left.remaining};t={left.reset_s}',
    }
