"""The date in Norway."""

from datetime import UTC, date, datetime

import pytest

from deldokument.domain.norwegian_time import day_of


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
