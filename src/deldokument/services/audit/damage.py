"""Damaged rows: the search for them, and the alarm (an event, a warning in the log, and a count for monitoring).

Guarantees:
- A damaged row gets one event a day, however many processes find it, and however often.
- Log and event contain kind and id of the row. An id that this service cannot have created is left out.
- A row that cannot be recorded now is recorded later.
"""

import logging
import re

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import ServiceError
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_at
from deldokument.store.engine.integrity import ALARM_PERIOD, DamagedRow

log = logging.getLogger("deldokument.integrity")
_OWN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BATCH = 500
RowPlace = tuple[str, str]
"""Position in a patrol of rows: the kind, and the last id."""


def patrol_rows(deps: Dependencies, after: RowPlace | None) -> RowPlace | None:
    """Verify the next rows that give roles, or on which such rows depend; return the place to continue from.

    A row that was changed, or that is older than the events about it, is reported even if nobody uses it.
    """
    with deps.database.read() as tx:
        kinds = tx.damage.kinds()
        kind, row_id = after or (kinds[0], "")
        last = tx.damage.look_at(kind, row_id, _BATCH)
    if last is not None:
        return kind, last
    following = kinds[kinds.index(kind) + 1 :]
    return (following[0], "") if following else None


def record_damage(deps: Dependencies) -> int:
    """Record the damaged rows that this process has found; return the number that had no event within a day.

    Raises: Unavailable.
    """
    if deps.damage.is_empty:
        return 0
    found = deps.damage.take()
    try:
        recorded = _record_rows(deps, found)
    except ServiceError:
        deps.damage.give_back(found)
        raise
    for row in found:
        log.warning("damaged row: %s %s", row.kind, _printable_id(row))
    return recorded


def _record_rows(deps: Dependencies, found: list[DamagedRow]) -> int:
    details = {(row.kind, _printable_id(row)): {"row": row.kind, "id": _printable_id(row)} for row in found}
    with deps.database.write() as tx:
        # Locked, so that two processes that find the same row record it once.
        tx.deployment.get()
        now = deps.clock.now()
        new = [one for one in details.values() if not tx.damage.is_recorded(one, now - ALARM_PERIOD, now)]
        for one in new:
            record_at(deps, tx, now, EventKind.ROW_DAMAGED, one)
    return len(new)


def _printable_id(row: DamagedRow) -> str:
    return row.id if _OWN_ID.fullmatch(row.id) else "?"
