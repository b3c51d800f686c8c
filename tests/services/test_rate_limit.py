"""A caller's calls come in at an even pace, and nobody's cost another's."""

from datetime import timedelta

import pytest

from deldokument.domain.errors import RateLimited
from deldokument.services.rate_limit import RateLimit, RateLimitStatus, check_rate, consume, forget_allowances
from tests.support.stage.stage import FJELL, SIV, Stage
from tests.support.stored_data import everything

ONE, OTHER = FJELL, SIV


def per_minute(calls: int) -> RateLimit:
    return RateLimit("rate_limited", calls, timedelta(minutes=1))


def test_an_allowance_fills_at_an_even_pace(stage: Stage) -> None:
    deps, limit = stage.deps, per_minute(60)
    assert [consume(deps, limit, ONE).remaining for _ in range(60)] == list(range(59, -1, -1))
    assert consume(deps, limit, ONE) == RateLimitStatus(60, 0, 60, retry_seconds=1)
    assert consume(deps, limit, OTHER) == RateLimitStatus(60, 59, 1)
    stage.clock.advance(seconds=1)
    assert consume(deps, limit, ONE) == RateLimitStatus(60, 0, 60)
    assert consume(deps, limit, ONE).retry_seconds == 1
    stage.clock.advance(seconds=1000)
    assert consume(deps, limit, ONE) == RateLimitStatus(60, 59, 1)


@pytest.mark.parametrize("calls", [7, 60, 999])
def test_any_limit_is_reached_and_not_passed(stage: Stage, calls: int) -> None:
    assert sum(not consume(stage.deps, per_minute(calls), ONE).retry_seconds for _ in range(calls + 3)) == calls


def test_a_refused_call_costs_nothing(stage: Stage) -> None:
    deps, limit = stage.deps, per_minute(1)
    assert [consume(deps, limit, ONE).retry_seconds for _ in range(5)] == [0, 60, 60, 60, 60]
    stage.clock.advance(seconds=60)
    assert consume(deps, limit, ONE).retry_seconds == 0


def test_a_call_may_weigh_as_much_as_several(stage: Stage) -> None:
    deps, limit = stage.deps, per_minute(60)
    assert consume(deps, limit, ONE, units=50).remaining == 10
    assert consume(deps, limit, ONE, units=11).retry_seconds == 1
    assert consume(deps, limit, ONE, units=10).remaining == 0


def test_a_client_over_a_limit_learns_when_to_retry_and_other_limits_are_untouched(stage: Stage) -> None:
    deps, limit = stage.deps, RateLimit("rate_limited", 1)
    check_rate(deps, limit, ONE)
    with pytest.raises(RateLimited) as caught:
        check_rate(deps, limit, ONE)
    assert (caught.value.code, caught.value.wait_seconds) == ("rate_limited", 3600)
    check_rate(deps, RateLimit("other", 1), ONE)


def test_no_identifier_is_stored_of_those_who_are_counted(stage: Stage) -> None:
    for caller in (ONE, OTHER):
        consume(stage.deps, per_minute(1), caller)
    stored = everything(stage)
    assert not any(caller.encode() in stored for caller in (ONE, OTHER))


def test_a_consumer_without_calls_for_a_day_is_forgotten(stage: Stage) -> None:
    consume(stage.deps, per_minute(60), ONE)
    assert forget_allowances(stage.deps) == 0
    stage.clock.advance(days=1, minutes=2)
    assert forget_allowances(stage.deps) == 1
