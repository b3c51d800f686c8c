"""A consumer's calls come in at an even pace, and nobody's cost another's."""

from __future__ import annotations

from dataclasses import replace

from deldokument.domain.identifiers import OrganizationNumber
from deldokument.ports.dependencies import Dependencies
from deldokument.services.api.rate_limit import RateLimitStatus, consume, forget_allowances
from tests.support.world import FJELL, Stage

ONE, OTHER = OrganizationNumber(FJELL), OrganizationNumber("310240001")


def world_of(stage: Stage, per_minute: int) -> Dependencies:
    return replace(stage.deps, config=replace(stage.deps.config, api_requests_per_minute=per_minute))


def test_an_allowance_fills_at_an_even_pace(stage: Stage) -> None:
    deps = world_of(stage, 60)
    assert [consume(deps, ONE).remaining for _ in range(60)] == list(range(59, -1, -1))
    assert consume(deps, ONE) == RateLimitStatus(60, 0, 60, retry_seconds=1)
    assert consume(deps, OTHER) == RateLimitStatus(60, 59, 1)
    stage.clock.advance(seconds=1)
    assert consume(deps, ONE) == RateLimitStatus(60, 0, 60)
    assert consume(deps, ONE).retry_seconds == 1
    stage.clock.advance(seconds=1000)
    assert consume(deps, ONE) == RateLimitStatus(60, 59, 1)


def test_any_limit_is_reached_and_not_passed(stage: Stage) -> None:
    deps = world_of(stage, 7)
    assert sum(not consume(deps, ONE).retry_seconds for _ in range(20)) == 7


def test_a_refused_call_costs_nothing(stage: Stage) -> None:
    deps = world_of(stage, 1)
    assert [consume(deps, ONE).retry_seconds for _ in range(5)] == [0, 60, 60, 60, 60]
    stage.clock.advance(seconds=60)
    assert consume(deps, ONE).retry_seconds == 0


def test_who_has_not_called_for_a_day_is_forgotten(stage: Stage) -> None:
    consume(stage.deps, ONE)
    assert forget_allowances(stage.deps) == 0
    stage.clock.advance(days=1, minutes=1)
    assert forget_allowances(stage.deps) == 1
