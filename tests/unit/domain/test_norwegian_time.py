"""The date in Norway."""

from datetime import UTC, date, datetime

import pytest

from deldokument.domain.norwegian_time import day_and_clock, day_of


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 24, 22, 59, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 11, 24, 23, 0, tzinfo=UTC), date(2026, 11, 25)),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_the_day_is_that_of_norway(instant: datetime, day: date) -> None:
    assert day_of(instant) == day


@pytest.mark.parametrize(
    ("instant", "day", "clock"),
    [
        (datetime(2027, 1, 13, 23, 0, tzinfo=UTC), date(2027, 1, 13), "24:00"),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), date(2026, 6, 30), "24:00"),
        (datetime(2027, 1, 13, 23, 0, 0, 1, tzinfo=UTC), date(2027, 1, 14), "00:00"),
        (datetime(2027, 1, 13, 14, 30, tzinfo=UTC), date(2027, 1, 13), "15:30"),
    ],
)
def test_midnight_is_the_end_of_the_day_before(instant: datetime, day: date, clock: str) -> None:
    assert day_and_clock(instant) == (day, clock)
