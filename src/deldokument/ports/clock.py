"""Contract of the clock."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The database's clock, which is the same for every node."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        ...

    def skew(self) -> timedelta:
        """Return the absolute difference between this machine's clock and the database's."""
        ...
