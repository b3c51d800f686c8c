"""When a login was made for a signature, whatever two clocks say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deldokument.domain.agreement_records import FRESHNESS_SKEW, is_login_for

ASKED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("ahead", [timedelta(), timedelta(days=400), -timedelta(hours=3)], ids=str)
@pytest.mark.parametrize(
    ("authenticated", "told", "fresh"),
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
def test_who_authenticated_before_the_question_did_not_answer_it(
    authenticated: int, told: int, fresh: bool, ahead: timedelta
) -> None:
    """Seconds after the question, by the provider's clock, which is ``ahead`` of ours."""
    now = ASKED + told * SECOND
    provider = ASKED + ahead
    assert is_login_for(ASKED, now, provider + authenticated * SECOND, provider + told * SECOND) is fresh


def test_little_is_forgiven() -> None:
    assert timedelta(seconds=2) < FRESHNESS_SKEW < timedelta(seconds=10)
