"""Repository contract: progress of the orphan sweep, which `services.maintenance.orphans` runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sweep:
    """The progress of a sweep, which first counts the unknown objects older than ``horizon`` and then deletes them.

    The shelves before ``shelf`` are done. ``seen`` and ``orphans`` are the counts of the current phase.
    """

    horizon: datetime
    deleting: bool = False
    shelf: int = 0
    seen: int = 0
    orphans: int = 0


class OrphanSweeps(Protocol):
    """The row of the current sweep; any worker can continue it."""

    def sweep(self) -> Sweep | None:
        """Return the current sweep."""
        ...

    def move_sweep(self, before: Sweep | None, after: Sweep | None) -> bool:
        """Replace ``before`` by ``after`` (None: no sweep); False if ``before`` is no longer stored."""
        ...
