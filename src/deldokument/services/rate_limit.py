"""Rate limits of persons, browsers and API consumers (GCRA, burst of one window), shared by all nodes.

The database stores one instant for each bucket: the theoretical arrival time. A call advances it by the window divided
by the limit. A call that would advance it to more than a window ahead is refused.

Guarantees:
- A caller within the limit is never refused. A caller beyond it does not affect the others.
- All nodes share the count and the database's clock.
- After a clock is set back, a caller is refused for a window at most.
- A bucket's name is a keyed hash: without the keyring, the table reveals neither the caller nor the limit.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from deldokument.crypto.fields import lookup_hash
from deldokument.domain.errors import RateLimited
from deldokument.ports.dependencies import Dependencies
from deldokument.store.transaction import Transaction

_KEPT = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit of ``calls`` per ``window``, all of which may come at once. ``name`` is also its error code."""

    name: str
    calls: int
    window: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """The state of a caller's limit after a call.

    ``remaining`` calls are allowed now; the full ``limit`` is available again after ``reset_seconds``. A refused call
    may be repeated after ``retry_seconds``, which is 0 for an accepted call.
    """

    limit: int
    remaining: int
    reset_seconds: int
    retry_seconds: int = 0


def consume(deps: Dependencies, limit: RateLimit, caller: str, units: int = 1) -> RateLimitStatus:
    """Count one call of weight ``units``, unless that exceeds the limit; return the state of the limit."""
    with deps.database.write() as tx:
        return consume_in(deps, tx, limit, caller, units)


def consume_in(deps: Dependencies, tx: Transaction, limit: RateLimit, caller: str, units: int = 1) -> RateLimitStatus:
    """Count as ``consume``, within a transaction."""
    now, key = deps.clock.now(), deps.integrity.directory_key()
    bucket = lookup_hash(key, f"rate limit {limit.name}", caller).hex()
    step = limit.window * units // limit.calls
    spent_until = tx.rate_limits.take(bucket, now, step, now + limit.window)
    refused = spent_until is None
    spent_until = spent_until or tx.rate_limits.spent_until(bucket) or now
    reset_seconds = math.ceil((spent_until - now) / _SECOND)
    if not refused:
        left = (now + limit.window - spent_until) * limit.calls // limit.window
        return RateLimitStatus(limit.calls, left, reset_seconds)
    retry_seconds = math.ceil((spent_until + step - limit.window - now) / _SECOND)
    return RateLimitStatus(limit.calls, 0, reset_seconds, max(retry_seconds, 1))


def check_rate(deps: Dependencies, limit: RateLimit, caller: str, units: int = 1) -> None:
    """Count as ``consume``. Raises: RateLimited if the limit is reached."""
    status = consume(deps, limit, caller, units)
    if status.retry_seconds:
        raise RateLimited(limit.name, wait_seconds=status.retry_seconds)


def forget_allowances(deps: Dependencies) -> int:
    """Delete the rows of callers without calls for a day, who may use the full burst again; return their number."""
    with deps.database.write() as tx:
        return tx.rate_limits.forget(deps.clock.now() - _KEPT)
