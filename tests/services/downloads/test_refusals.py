"""Refused requests are recorded once, rate-limited after many, and hinder nobody else."""

import logging
from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Gone, NotFound, RateLimited, RightMissing, Unavailable
from deldokument.services.downloads.access import authorize, still_authorized
from deldokument.services.maintenance.alarms import count_limited_persons
from deldokument.services.shares.published import publishing
from tests.support.stage.stage import FJELL, KARI, LISE, OLA, PER, SIV, Stage, person

UNKNOWN = "A" * 22


@pytest.fixture(autouse=True)
def few(stage: Stage) -> None:
    """Three refusals in an hour."""
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, refusals_per_hour=3))


def refuse(stage: Stage, share_id: str, who: str = SIV, error: type[Exception] = NotFound) -> Exception:
    with pytest.raises(error) as caught:
        authorize(stage.deps, person(who), share_id)
    return caught.value


def events(stage: Stage, kind: EventKind = EventKind.SHARE_DENIED) -> int:
    return sum(event.kind is kind for _, event in stage.trail())


def test_a_person_a_share_and_a_reason_are_one_event_in_ten_minutes(stage: Stage) -> None:
    stage.deps = replace(stage.deps, config=replace(stage.deps.config, refusals_per_hour=1000))
    share_id, other = stage.publish(OLA), stage.publish(OLA)
    for _ in range(5):
        refuse(stage, share_id)
    assert events(stage) == 1
    refuse(stage, other)
    refuse(stage, share_id, PER)
    assert events(stage) == 3
    stage.clock.advance(minutes=9, seconds=59)
    refuse(stage, share_id)
    assert events(stage) == 3
    stage.clock.advance(seconds=1)
    refuse(stage, share_id)
    assert events(stage) == 4


def test_another_reason_is_another_event(stage: Stage) -> None:
    share_id = stage.publish(FJELL)
    refuse(stage, share_id, LISE, RightMissing)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    refuse(stage, share_id, PER, Gone)
    reasons = [e.details for _, e in stage.trail() if e.kind is EventKind.SHARE_DENIED]
    assert reasons == [{"reason": "insufficient_rights"}, {"reason": "over"}]


def test_invented_ids_are_one_event_however_many_they_are(stage: Stage) -> None:
    for letter in "ABC":
        refuse(stage, letter * 22)
    assert events(stage) == 1


@pytest.mark.parametrize("is_real", [True, False])
def test_after_many_refusals_a_stranger_waits_the_same_for_real_and_unreal(stage: Stage, is_real: bool) -> None:
    asked = stage.publish(OLA) if is_real else UNKNOWN
    for _ in range(3):
        refuse(stage, asked)
    limited = refuse(stage, asked, error=RateLimited)
    assert isinstance(limited, RateLimited)
    assert (limited.code, limited.params) == ("refusal_limit", {"wait_seconds": 1200})
    stage.clock.advance(minutes=20)
    refuse(stage, asked)
    refuse(stage, asked, error=RateLimited)


def test_who_lacks_a_right_waits_too(stage: Stage) -> None:
    share_id = stage.publish(FJELL)
    for _ in range(3):
        refuse(stage, share_id, LISE, RightMissing)
    refuse(stage, share_id, LISE, RateLimited)


def test_a_rightful_recipient_opens_and_reads_on_after_any_number_of_refusals(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    for _ in range(4):
        refuse(stage, UNKNOWN, OLA, (NotFound, RateLimited))  # type: ignore[arg-type]
    access = authorize(stage.deps, person(OLA), share_id)
    assert still_authorized(stage.deps, access)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    for _ in range(5):
        refuse(stage, share_id, OLA, Gone)


def test_one_persons_refusals_cost_another_nothing(stage: Stage) -> None:
    for _ in range(4):
        refuse(stage, UNKNOWN, SIV, (NotFound, RateLimited))  # type: ignore[arg-type]
    refuse(stage, UNKNOWN, PER)


def test_nobody_waits_because_altinn_does_not_answer(stage: Stage) -> None:
    stage.rights.down = True
    for _ in range(5):
        refuse(stage, UNKNOWN, error=Unavailable)


def test_many_refusals_raise_one_alarm_in_an_hour(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(10):
        refuse(stage, UNKNOWN, error=(NotFound, RateLimited))  # type: ignore[arg-type]
    alarms = [who for who, event in stage.trail() if event.kind is EventKind.REFUSALS_LIMITED]
    assert alarms == [SIV]
    assert [line for line in caplog.messages if "refused" in line] == [
        "a person has been refused more than 3 times in an hour"
    ]
    assert count_limited_persons(stage.deps.database, stage.deps.clock) == 1
    stage.clock.advance(minutes=60, seconds=1)
    assert count_limited_persons(stage.deps.database, stage.deps.clock) == 0
    for _ in range(5):
        refuse(stage, UNKNOWN, error=(NotFound, RateLimited))  # type: ignore[arg-type]
    assert events(stage, EventKind.REFUSALS_LIMITED) == 2
