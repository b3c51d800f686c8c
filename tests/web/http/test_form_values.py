"""Values of forms that browsers write: what is none reads as nothing."""

from datetime import date

import pytest

from deldokument.web.http.requests.form_values import read_count, read_date

pytestmark = pytest.mark.once


@pytest.mark.parametrize(("text", "count"), [("7", 7), ("007", 7), ("999999999", 999_999_999)])
def test_a_count_is_read(text: str, count: int) -> None:
    assert read_count(text) == count


@pytest.mark.parametrize("text", ["", "-1", "1.5", " 1", "٣", "²", "1000000000", "x"])
def test_an_invalid_count_is_read_as_none(text: str) -> None:
    assert read_count(text) == 0


def test_a_date_is_read_as_browsers_send_it() -> None:
    assert read_date("2026-12-24") == date(2026, 12, 24)


@pytest.mark.parametrize("text", ["", "24.12.2026", "2026-02-30", "2026-12-24T10:00"])
def test_an_invalid_date_is_read_as_none(text: str) -> None:
    assert read_date(text) is None
