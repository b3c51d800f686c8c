"""How often each consumer may call the API, whichever node it calls.

A bucket each, that holds a minute's calls and fills at an even pace. What stands in the database is one instant: until
when the consumer has spent what comes in. A call moves it on by the time that a call takes to come in again, and is
refused when that would be more than a minute ahead. Promises that a consumer who keeps within the limit is never
refused, that one who does not costs the others nothing, and that all nodes count together, by the database's clock. A
clock that is set back refuses somebody for a minute at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from deldokument.domain.identifiers import OrganizationNumber
from deldokument.ports.dependencies import Dependencies

WINDOW = timedelta(minutes=1)
_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """``remaining`` calls now, all in ``reset_seconds``. ``retry_seconds``: this one was too many, for so long."""

    limit: int
    remaining: int
    reset_seconds: int
    retry_seconds: int = 0


def consume(deps: Dependencies, consumer: OrganizationNumber) -> RateLimitStatus:
    """Count one call of the consumer's, unless there is none left."""
    limit = deps.rules.api_requests_per_minute
    step, now = WINDOW // limit, deps.clock.now()
    with deps.database.write() as tx:
        spent_until = tx.rate_limits.take(consumer.value, now, step, now + WINDOW)
        refused = spent_until is None
        spent_until = spent_until or tx.rate_limits.spent_until(consumer.value) or now
    reset_seconds = math.ceil((spent_until - now) / timedelta(seconds=1))
    if not refused:
        return RateLimitStatus(limit, (now + WINDOW - spent_until) // step, reset_seconds)
    return RateLimitStatus(
        limit, 0, reset_seconds, max(math.ceil((spent_until + step - WINDOW - now) / timedelta(seconds=1)), 1)
    )


def forget_allowances(deps: Dependencies) -> int:
    """Forget the consumers who have not called for a day: their buckets are full."""
    with deps.database.write() as tx:
        return tx.rate_limits.forget(deps.clock.now() - _KEPT)
