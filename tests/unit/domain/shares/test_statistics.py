"""Months as they are in Oslo, and counts that add up."""

from datetime import UTC, datetime

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.domain.shares.statistics import Month, ShareCounts, month_of, months_between, parse_month

NOVEMBER = Month(2026, 11)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_a_month_begins_at_midnight_in_oslo_in_winter_and_in_summer() -> None:
    assert NOVEMBER.begins_at == at(2026, 10, 31, 23)
    assert Month(2026, 7).begins_at == at(2026, 6, 30, 22)
    assert NOVEMBER.begins_at.tzinfo is UTC


def test_an_instant_belongs_to_the_month_that_it_is_in_oslo() -> None:
    assert month_of(at(2026, 10, 31, 22, 59, 59)) == Month(2026, 10)
    assert month_of(at(2026, 10, 31, 23)) == NOVEMBER
    assert month_of(at(2026, 12, 31, 23)) == Month(2027, 1)


@pytest.mark.parametrize(
    ("months", "there"), [(0, "2026-11"), (1, "2026-12"), (2, "2027-01"), (14, "2028-01"), (-11, "2025-12")]
)
def test_months_are_counted_across_years(months: int, there: str) -> None:
    assert str(NOVEMBER.plus(months)) == there


def test_a_month_is_read_as_it_is_written() -> None:
    assert parse_month("2026-11", field="from") == NOVEMBER
    assert parse_month(str(Month(2026, 1)), field="from") == Month(2026, 1)


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "2026-1", "1999-01", "2026-11-01", "２026-11", "x"])
def test_an_invalid_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="month_malformed") as caught:
        parse_month(text, field="from")
    assert caught.value.field == "from"


def test_a_period_has_its_first_and_last_month_whichever_is_named_first() -> None:
    whole = (Month(2026, 11), Month(2026, 12), Month(2027, 1))
    assert months_between(whole[0], whole[2], field="from") == whole
    assert months_between(whole[2], whole[0], field="from") == whole
    assert months_between(NOVEMBER, NOVEMBER, field="from") == (NOVEMBER,)


def test_a_period_longer_than_five_years_is_refused() -> None:
    assert len(months_between(NOVEMBER, NOVEMBER.plus(59), field="from")) == 60
    with pytest.raises(InvalidInput, match="too_many_months") as caught:
        months_between(NOVEMBER, NOVEMBER.plus(60), field="from")
    assert caught.value.params == {"months": 61, "longest": 60}


def test_counts_add_up_field_by_field() -> None:
    assert ShareCounts(1, 2, 3, 4, 5, 6, 7) + ShareCounts(10, 20, 30, 40, 50, 60, 70) == ShareCounts(
        11, 22, 33, 44, 55, 66, 77
    )
    assert sum([ShareCounts(1)] * 3, ShareCounts()) == ShareCounts(3)
