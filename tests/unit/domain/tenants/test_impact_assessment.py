"""Dates and consultation of an impact assessment."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.domain.tenants.impact_assessment import ImpactAssessment, ResidualRisk, check_consulted, check_done_on

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)


def assessment(done_on: date) -> ImpactAssessment:
    return ImpactAssessment("id", "tenant", done_on, ResidualRisk.LOW, False, NOON, b"", b"", b"")


@pytest.mark.parametrize(
    ("done_on", "review_on"),
    [
        (date(2026, 11, 24), date(2027, 11, 24)),
        (date(2024, 2, 29), date(2025, 2, 28)),
        (date(2023, 2, 28), date(2024, 2, 28)),
        (date(2025, 12, 31), date(2026, 12, 31)),
    ],
)
def test_an_assessment_should_be_looked_at_again_a_year_after_it_was_done(done_on: date, review_on: date) -> None:
    done = assessment(done_on)
    assert done.review_on == review_on
    assert done.is_due(review_on)
    assert not done.is_due(review_on.replace(day=review_on.day - 1))


@pytest.mark.parametrize("done_on", [TODAY, date(2018, 5, 25)])
def test_an_assessment_was_done_today_or_earlier(done_on: date) -> None:
    assert check_done_on(done_on, TODAY) == done_on


@pytest.mark.parametrize(
    ("done_on", "code"), [(date(2026, 11, 25), "date_in_the_future"), (date(2018, 5, 24), "date_too_early")]
)
def test_a_date_that_cannot_be_is_refused(done_on: date, code: str) -> None:
    with pytest.raises(InvalidInput, match=code):
        check_done_on(done_on, TODAY)


def test_a_high_risk_is_not_recorded_before_datatilsynet_has_been_consulted() -> None:
    with pytest.raises(InvalidInput, match="consultation_missing"):
        check_consulted(ResidualRisk.HIGH, consulted=False)
    assert check_consulted(ResidualRisk.HIGH, consulted=True)
    assert not check_consulted(ResidualRisk.MEDIUM, consulted=False)


@pytest.mark.parametrize(
    ("check", "field"),
    [
        (lambda: check_done_on(date(2026, 11, 25), TODAY), "done_on"),
        (lambda: check_done_on(date(2018, 5, 24), TODAY), "done_on"),
        (lambda: check_consulted(ResidualRisk.HIGH, consulted=False), "consulted"),
    ],
)
def test_a_refusal_names_the_field(check: Callable[..., object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check()
    assert caught.value.field == field
