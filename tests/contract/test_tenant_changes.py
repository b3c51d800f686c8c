"""A tenant that two change at the same instant, on every database: none of the two brings back what the other ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from deldokument.domain.tenancy import Tenant
from deldokument.services import onboarding
from deldokument.services.ports import World
from deldokument.services.repositories import standing
from tests.support.world import NOON, Stage, set_stage

WAITS = 0.5
"""How long the second has to come as far as it can while the first holds the tenant, in seconds."""


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    made = set_stage(tmp_path, database_url)
    yield made
    made.close()


def change_while_another_does(
    world: World, tenant_id: str, first: dict[str, object], second: Callable[[], object]
) -> None:
    """``first`` is written by somebody who holds the tenant until ``second`` is under way."""
    begun = Event()

    def begin() -> None:
        begun.set()
        second()

    with ThreadPoolExecutor(1) as pool:
        with world.database.write() as tx:
            tenant = standing(tx.tenancies.lock_tenant(tenant_id))
            other = pool.submit(begin)
            begun.wait()
            Event().wait(WAITS)
            tx.tenancies.save_tenant(replace(tenant, **first))  # type: ignore[arg-type]
        other.result()


def now(stage: Stage) -> Tenant:
    with stage.world.database.read() as tx:
        return standing(tx.tenancies.tenant(stage.tenant.id))


@pytest.mark.parametrize("first", ["ended_at", "frozen_at"])
def test_new_rules_bring_no_tenant_back_that_has_just_been_ended_or_stopped(stage: Stage, first: str) -> None:
    def second() -> None:
        onboarding.change_tenant_rules(stage.world, tenant_id=stage.tenant.id, longest_days=7)

    change_while_another_does(stage.world, stage.tenant.id, {first: NOON}, second)
    assert getattr(now(stage), first) == NOON
    assert now(stage).period.longest.days == 7
