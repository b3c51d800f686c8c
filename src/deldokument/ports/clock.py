"""Contract of the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The database's time, as every node sees it."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        ...

    def skew(self) -> timedelta:
        """How far this machine's clock is from the database's, as an absolute value."""
        ...
