"""Events about damaged rows, found by an index of their own."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select

from deldokument.adapters.sql.event_rows import stored_details
from deldokument.adapters.sql.statements import Statements, param
from deldokument.adapters.sql.tables.audit import audit_event, is_damage

_recorded = select(audit_event.c.number).where(is_damage, audit_event.c.details == param("details")).limit(1)
_count = select(func.count(audit_event.c.number)).where(is_damage)


class SqlDamageLog:
    """The port ports.repositories.damage.DamageLog in SQL."""

    def __init__(self, work: Statements) -> None:
        self._work = work

    def is_recorded(self, details: Mapping[str, str | int]) -> bool:
        """Return whether there is an event with these details."""
        return self._work.first(_recorded, {"details": stored_details(details)}) is not None

    def count(self) -> int:
        """Count the events."""
        return int(self._work.rows(_count)[0][0])
