"""Lag of the worker, for the operator's monitoring.

Guarantees:
- The queue lengths and the heartbeat come from the database, so every node reports the same, also after a restart.
- They are counts and times only, without names or ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.verification import unverified_since
from deldokument.services.notifications.registry import CHANNELS
from deldokument.store.maintenance.backlog import Waiting
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class WorkerLag:
    """The lag of the worker. ``heartbeat_age`` is None if no worker has ever run; ``skew`` is this node's own.

    ``trail_age``: since the audit trail was last verified, or since its first event; None without an event.
    ``damaged_rows``: number of damaged rows recorded so far. ``chains_behind``: number found by this process.

    The keys of ``waiting`` and ``lags`` are ``Queue`` members and the queues of the channels. The keys of ``halts`` are
    the halts that an operator must end before destruction continues.
    """

    waiting: Mapping[str, Waiting]
    lags: Mapping[str, timedelta]
    heartbeat_age: timedelta | None
    trail_age: timedelta | None
    halts: Mapping[str, bool]
    damaged_rows: int
    chains_behind: int
    skew: timedelta


def measure_lag(deps: Dependencies) -> WorkerLag:
    """Measure the lag now. Raises: Unavailable."""
    now = deps.clock.now()
    with deps.database.read() as tx:
        waiting, lags = waiting_in(tx, now)
        deployment, unverified = tx.deployment.get(), unverified_since(tx)
        damaged_rows = tx.damage.count()
    return WorkerLag(
        waiting=waiting,
        lags=lags,
        heartbeat_age=now - deployment.heartbeat_at if deployment.heartbeat_at else None,
        trail_age=now - unverified if unverified else None,
        damaged_rows=damaged_rows,
        chains_behind=len(deps.behind.chains),
        halts=deployment.halts,
        skew=deps.clock.skew(),
    )


def waiting_in(tx: Transaction, now: datetime) -> tuple[Mapping[str, Waiting], Mapping[str, timedelta]]:
    """Return the waiting items of each queue, and the age of the oldest item in each."""
    queues, messages = tx.backlog.waiting(now), tx.backlog.messages(now)
    waiting: dict[str, Waiting] = {queue.value: one for queue, one in queues.items()}
    waiting |= {entry.queue: messages[channel] for channel, entry in CHANNELS.items()}
    return waiting, {queue: max(now - (one.since or now), timedelta()) for queue, one in waiting.items()}
