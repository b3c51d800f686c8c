"""Search for damaged rows, and the events about them, found by a separate index."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from deldokument.store.audit.event_rows import stored_details
from deldokument.store.engine.authenticated_rows import RowTags
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.statements import Repository, param
from deldokument.store.tables.audit import audit_event, is_damage
from deldokument.store.tables.tags import (
    ACCOUNT_TAGS,
    ADMINISTRATOR_TAGS,
    INTEGRATION_TAGS,
    MEMBER_TAGS,
    OPERATOR_TAGS,
    TENANT_TAGS,
    WEBHOOK_TAGS,
)

# A forged event in the future must not silence the alarm for ever.
_recorded = (
    select(audit_event.c.details)
    .where(
        is_damage,
        audit_event.c.details == param("details"),
        audit_event.c.at > bindparam("since", type_=UtcMicros()),
        audit_event.c.at <= bindparam("now", type_=UtcMicros()),
    )
    .limit(1)
)
_WATCHED = {
    tags.kind: tags
    for tags in (
        TENANT_TAGS,
        ACCOUNT_TAGS,
        OPERATOR_TAGS,
        ADMINISTRATOR_TAGS,
        MEMBER_TAGS,
        INTEGRATION_TAGS,
        WEBHOOK_TAGS,
    )
}


def _slice(tags: RowTags) -> Select[Any]:
    row_id = tags.table.c.id
    return select(*tags.table.c, tags.newest).where(row_id > param("after")).order_by(row_id).limit(param("most"))


_slices = {kind: _slice(tags) for kind, tags in _WATCHED.items()}
_count = select(func.count(audit_event.c.number)).where(is_damage)


class DamageLog(Repository):
    """The search for damaged rows, and the events ROW_DAMAGED, found by an index."""

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of rows that ``look_at`` verifies: tables with few rows, on which many others depend."""
        return tuple(_WATCHED)

    def look_at(self, kind: str, after: str, limit: int) -> str | None:
        """Verify the next ``limit`` rows by id after an id; empty for the first. Damaged ones are reported.

        Return the last id seen; None at the table's end.
        """
        rows = self._work.rows(_slices[kind], {"after": after, "most": limit})
        for row in rows:
            _WATCHED[kind].is_intact(self._work, row._asdict(), row.tag, row.newest_revision)
        return rows[-1].id if len(rows) == limit else None

    def is_recorded(self, details: Mapping[str, str | int], since: datetime, now: datetime) -> bool:
        """Return whether there is an event with these details after ``since`` and not after ``now``."""
        values = {"details": stored_details(details), "since": since, "now": now}
        return self._work.first(_recorded, values) is not None

    def count(self) -> int:
        """Count the events."""
        return int(self._work.rows(_count)[0][0])
