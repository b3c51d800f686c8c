"""When a login was made for a signature, with clocks that differ."""

from datetime import UTC, date, datetime, timedelta

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.domain.tenants.agreement_records import (
    FRESHNESS_SKEW,
    MAX_COPY_LENGTH,
    check_copy,
    check_signed_on,
    is_login_for,
)

ASKED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=400), -timedelta(hours=3)], ids=str)
@pytest.mark.parametrize(
    ("authenticated", "issued", "fresh"),
    [
        (0, 0, True),
        (20, 30, True),
        (30, 30, True),
        (-3, 30, True),
        (-4, 30, False),
        (-600, 30, False),
        (-600, 0, False),
        (33, 30, True),
        (34, 30, False),
    ],
)
def test_a_login_before_the_request_does_not_count(
    authenticated: int, issued: int, fresh: bool, ahead: timedelta
) -> None:
    """Seconds after the question, by the provider's clock, which is ``ahead`` of ours."""
    now = ASKED + issued * SECOND
    provider = ASKED + ahead
    assert is_login_for(ASKED, now, provider + authenticated * SECOND, provider + issued * SECOND) is fresh


def test_the_tolerance_between_clocks_is_a_few_seconds() -> None:
    assert timedelta(seconds=2) < FRESHNESS_SKEW < timedelta(seconds=10)


TODAY = date(2026, 11, 24)
PDF = b"%PDF-1.7 signed"


def test_a_copy_of_any_permitted_length_is_kept_as_it_is() -> None:
    longest = PDF.ljust(MAX_COPY_LENGTH, b" ")
    assert check_copy(PDF) == PDF
    assert check_copy(longest) is longest


@pytest.mark.parametrize(
    ("copy", "code"),
    [
        (b"", "copy_missing"),
        (PDF.ljust(MAX_COPY_LENGTH + 1, b" "), "copy_too_large"),
        (b"PK\x03\x04", "copy_not_pdf"),
        (b" %PDF-1.7", "copy_not_pdf"),
    ],
    ids=["none", "too large", "zip", "not at once"],
)
def test_a_copy_that_is_none_too_long_or_no_pdf_is_refused(copy: bytes, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_copy(copy)
    assert (caught.value.field, caught.value.code) == ("copy", code)


@pytest.mark.parametrize("signed_on", [TODAY, date(2000, 1, 1)])
def test_a_main_agreement_was_signed_today_or_earlier(signed_on: date) -> None:
    assert check_signed_on(signed_on, TODAY) == signed_on


@pytest.mark.parametrize(
    ("signed_on", "code"),
    [(None, "date_missing"), (date(2026, 11, 25), "date_in_the_future"), (date(1999, 12, 31), "date_too_early")],
)
def test_a_day_on_which_nothing_can_have_been_signed_is_refused(signed_on: date | None, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_signed_on(signed_on, TODAY)
    assert (caught.value.field, caught.value.code) == ("signed_on", code)
