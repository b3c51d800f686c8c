"""Repository contract: progress of the orphan sweep, which `services.maintenance.orphans` runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sweep:
    """It counts what is older than ``horizon`` and unknown, and deletes it then.

    The shelves before ``shelf`` are done. ``seen`` and ``orphans`` are of the counting, or of the deleting.
    """

    horizon: datetime
    deleting: bool = False
    shelf: int = 0
    seen: int = 0
    orphans: int = 0


class OrphanSweeps(Protocol):
    """The row of the sweep under way; any worker can continue it."""

    def sweep(self) -> Sweep | None:
        """Return the sweep under way."""
        ...

    def move_sweep(self, before: Sweep | None, after: Sweep | None) -> bool:
        """Replace ``before`` by ``after`` (None: no sweep under way); False when ``before`` is no longer stored."""
        ...
