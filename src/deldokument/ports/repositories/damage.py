"""Repository contract: search for damaged rows, and which of them have an event already."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol


class DamageLog(Protocol):
    """The search for damaged rows, and the events ROW_DAMAGED, found by an index."""

    def kinds(self) -> tuple[str, ...]:
        """Return the kinds of rows that ``look_at`` reads: few rows, on which many others depend."""
        ...

    def look_at(self, kind: str, after: str, limit: int) -> str | None:
        """Verify the next ``limit`` rows by id after an id; empty for the first. Damaged ones are reported.

        Return the last id seen; None at the table's end.
        """
        ...

    def is_recorded(self, details: Mapping[str, str | int], since: datetime, now: datetime) -> bool:
        """Return whether there is an event with these details after ``since`` and not after ``now``."""
        ...

    def count(self) -> int:
        """Count the events."""
        ...
