"""How far a sweep of the store has come, and where that is noted; sweeping itself is services.maintenance.orphans's."""

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


class Sweeps(Protocol):
    """The one note, which any worker goes on from."""

    def sweep(self) -> Sweep | None:
        """The sweep under way."""
        ...

    def move_sweep(self, before: Sweep | None, after: Sweep | None) -> bool:
        """Write ``after`` (None: there is none any more) if ``before`` still stands; whether it did."""
        ...
