"""Repository contract: which damaged rows have an event already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class DamageLog(Protocol):
    """The events ROW_DAMAGED, found by an index."""

    def is_recorded(self, details: Mapping[str, str | int]) -> bool:
        """Return whether there is an event with these details."""
        ...

    def count(self) -> int:
        """Count the events."""
        ...
