"""Repository contract of the orphan sweep, which `services.maintenance.orphans` runs."""

from __future__ import annotations

from collections.abc import Collection
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
    """The row of the current sweep, which any worker can continue, and the keys that it may destroy."""

    def sweep(self) -> Sweep | None:
        """Return the current sweep."""
        ...

    def move_sweep(self, before: Sweep | None, after: Sweep | None) -> bool:
        """Replace ``before`` by ``after`` (None: no sweep); False if ``before`` is no longer stored."""
        ...

    def unclaimed(self, share_ids: Collection[str], now: datetime) -> set[str]:
        """Return the ids that no authentic event names, or whose share is over by its events; they have no rows.

        The others are reported as damaged: somebody has deleted their rows.
        """
        ...
