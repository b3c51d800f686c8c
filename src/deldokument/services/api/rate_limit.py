"""Per-consumer rate limit of the API (GCRA, burst of one minute), shared by all nodes.

The database stores one instant for each consumer: the theoretical arrival time. A call advances it by a minute divided
by the limit. A call that would advance it to more than a minute ahead is refused.

Guarantees:
- A consumer within the limit is never refused. One beyond it does not affect the others.
- All nodes count together, by the database's clock.
- After a clock is set back, a consumer is refused for a minute at most.
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
    """The state of a consumer's limit after a call.

    ``remaining`` calls are allowed now, ``limit`` calls again in ``reset_seconds``. A refused call may be repeated
    after ``retry_seconds``, which is 0 for a counted one.
    """

    limit: int
    remaining: int
    reset_seconds: int
    retry_seconds: int = 0


def consume(deps: Dependencies, consumer: OrganizationNumber) -> RateLimitStatus:
    """Count one call of the consumer, unless the limit is reached; return the state of the limit."""
    limit = deps.config.api_requests_per_minute
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
    """Remove the rows of consumers without calls for a day, who may use the full burst again; return how many."""
    with deps.database.write() as tx:
        return tx.rate_limits.forget(deps.clock.now() - _KEPT)
