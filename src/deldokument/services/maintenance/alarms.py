"""Alarms about the use of the service, for the operator's monitoring."""

from datetime import timedelta

from deldokument.domain.audit import NO_TENANT, EventKind
from deldokument.ports.clock import Clock
from deldokument.store.audit.audit import EventFilter
from deldokument.store.database import Database

PERIOD = timedelta(hours=1)
_MAX_COUNTED = 1000


def count_limited_persons(database: Database, clock: Clock) -> int:
    """Return how many persons were refused too often at links within the last hour, at most 1000.

    Raises: Unavailable.
    """
    wanted = EventFilter(NO_TENANT, since=clock.now() - PERIOD, kind=EventKind.REFUSALS_LIMITED)
    with database.read() as tx:
        return len(tx.audit.newest(wanted, before=None, limit=_MAX_COUNTED))
