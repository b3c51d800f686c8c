"""A message that is not taken waits longer each time, and is given up after three days."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.messages.outbox import (
    FIRST_PAUSE,
    LEASE,
    MAX_ATTEMPTS,
    MAX_PAUSE,
    Channel,
    is_about_other_message,
    pause_after,
)


def test_pauses_begin_with_half_a_minute_and_double_up_to_six_hours() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 200)]
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert pauses[-1] == MAX_PAUSE


def test_the_last_attempt_is_within_three_days() -> None:
    last = sum((pause_after(attempts) for attempts in range(1, MAX_ATTEMPTS)), timedelta())
    assert timedelta(days=3) - MAX_PAUSE < last <= timedelta(days=3)


def test_a_lease_outlasts_the_time_limits_of_an_attempt() -> None:
    assert timedelta(seconds=60) <= LEASE


@pytest.mark.parametrize(
    ("details", "is_other"),
    [
        (None, False),
        ({"code": "sent"}, False),
        ({"channel": Channel.ALTINN}, False),
        ({"channel": Channel.EMAIL}, True),
        ({"channel": Channel.WEBHOOK}, True),
    ],
)
def test_a_shares_events_leave_out_messages_to_others_than_recipients(
    details: dict[str, str | int] | None, is_other: bool
) -> None:
    event = AuditEvent(datetime(2026, 11, 24, 12, 0, tzinfo=UTC), EventKind.SHARE_OPENED, "t", details=details)
    assert is_about_other_message(event) is is_other
