"""Time in Norway. Instants are stored in UTC; dates that people see are Norwegian."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")


def day_of(now: datetime) -> date:
    """Return the date in Norway."""
    return now.astimezone(OSLO).date()
