"""Time in Norway. Instants are stored in UTC; people see dates of the Norwegian calendar."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

OSLO = ZoneInfo("Europe/Oslo")


def day_of(now: datetime) -> date:
    """Return the date in Norway."""
    return now.astimezone(OSLO).date()


def start_of(day: date) -> datetime:
    """Return the instant at which the date begins in Norway."""
    return datetime.combine(day, time(), OSLO).astimezone(UTC)


def day_and_clock(instant: datetime) -> tuple[date, str]:
    """Return the date in Norway and the time of day, «15:30»; midnight is 24:00 of the day that it ends.

    A share that ends at the beginning of the 14th lasts through the 13th.
    """
    local = instant.astimezone(OSLO)
    if local.time() == time():
        return local.date() - timedelta(days=1), "24:00"
    return local.date(), f"{local.hour:02}:{local.minute:02}"
