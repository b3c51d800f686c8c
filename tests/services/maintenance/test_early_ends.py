"""Somebody who ends many shares, or makes them look as if they never were: the worker stops, and an operator looks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete, text

from deldokument import worker
from deldokument.domain.audit import EventKind
from deldokument.services.maintenance import early_ends, share_keys
from deldokument.services.maintenance.early_ends import confirm_early_ends
from deldokument.services.maintenance.lag import measure_lag
from deldokument.services.shares.published import publishing
from deldokument.services.tenants.offboarding import offboard_tenant
from deldokument.store.tables.audit import audit_event
from deldokument.store.tables.shares import share
from tests.attacker.database.test_ends import later, work
from tests.support.stage.stage import KARI, NOON, OLA, Stage, person
from tests.support.stored_data import as_owner

LIMIT = 3


@pytest.fixture(autouse=True)
def a_low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_ends, "MAX_EARLY_ENDS", LIMIT)


def published(stage: Stage, count: int) -> set[str]:
    return {stage.publish(OLA) for _ in range(count)}


def withdraw(stage: Stage, share_ids: set[str]) -> None:
    """As somebody does who has stolen a member's session."""
    for share_id in share_ids:
        publishing.withdraw_share(stage.deps, person(KARI), share_id)


def withdrawn(stage: Stage, count: int) -> set[str]:
    share_ids = published(stage, count)
    withdraw(stage, share_ids)
    return share_ids


def with_keys(stage: Stage) -> set[str]:
    return {entry.removeprefix("share:") for entry in stage.deps.keyring.ids("share:")}


def is_halted(stage: Stage) -> bool:
    return measure_lag(stage.deps).halts["ends"]


def alarms(stage: Stage) -> int:
    with stage.deps.database.read() as tx:
        return [event.kind for _, event in tx.audit.events()].count(EventKind.EARLY_ENDS_HALTED)


def sweep_twice(stage: Stage) -> None:
    """The worker destroys a key without a share when it has seen it twice."""
    sweeper = worker.Sweeper()
    for _ in range(2):
        sweeper(stage.deps)
        later(stage, minutes=50)


def test_a_stolen_session_cannot_have_many_keys_destroyed_unseen(stage: Stage) -> None:
    share_ids = withdrawn(stage, LIMIT + 1)
    work(stage)
    work(stage)
    assert with_keys(stage) == share_ids
    assert is_halted(stage)
    assert alarms(stage) == 1


def test_few_early_ends_in_each_hour_are_usual(stage: Stage) -> None:
    for _ in range(2):
        withdrawn(stage, LIMIT)
        work(stage)
        assert not with_keys(stage)
        later(stage, hours=1)
    assert not is_halted(stage)


def test_many_early_ends_one_after_the_other_are_counted(stage: Stage) -> None:
    for _ in range(LIMIT):
        withdrawn(stage, 1)
        work(stage)
    last = withdrawn(stage, 1)
    work(stage)
    assert with_keys(stage) == last
    later(stage, hours=1)
    work(stage)
    assert with_keys(stage) == last


def test_a_tenth_of_many_shares_is_usual(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(early_ends, "MAX_EARLY_ENDS", 1)
    others = published(stage, 18)
    withdrawn(stage, 2)
    work(stage)
    assert with_keys(stage) == others


def test_shares_end_on_time_while_early_ends_are_halted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_keys, "_BATCH", LIMIT + 1)
    held = withdrawn(stage, 3 * LIMIT)
    work(stage)
    due = {stage.publish(OLA, expires_at=NOON + timedelta(days=5)) for _ in range(LIMIT + 1)}
    assert with_keys(stage) == held | due
    later(stage, days=6)
    work(stage)
    assert with_keys(stage) == held
    later(stage, days=6)
    work(stage)
    assert not with_keys(stage)


def test_the_end_of_a_tenant_is_no_early_end(stage: Stage) -> None:
    published(stage, LIMIT + 1)
    withdrawn(stage, 1)
    offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)
    work(stage)
    assert not with_keys(stage)
    assert not is_halted(stage)


def test_destruction_goes_on_when_an_operator_has_confirmed(stage: Stage) -> None:
    withdrawn(stage, 2 * LIMIT)
    work(stage)
    confirm_early_ends(stage.deps)
    assert not is_halted(stage)
    withdrawn(stage, LIMIT)
    work(stage)
    assert not with_keys(stage)
    later(stage, hours=2)
    again = withdrawn(stage, LIMIT + 1)
    work(stage)
    assert with_keys(stage) == again
    assert is_halted(stage)
    with stage.deps.database.read() as tx:
        assert EventKind.EARLY_ENDS_CONFIRMED in {event.kind for _, event in tx.audit.events()}


def test_workers_together_destroy_no_more_than_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_keys, "_BATCH", LIMIT)
    share_ids = withdrawn(stage, 2 * LIMIT)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            list(pool.map(lambda _: share_keys.destroy_share_keys(stage.deps), range(2)))
    assert len(with_keys(stage) & share_ids) == LIMIT
    assert is_halted(stage)


def test_shares_that_a_writer_deletes_with_their_events_keep_their_keys(stage: Stage) -> None:
    share_ids = published(stage, LIMIT + 1)
    with as_owner(stage.database_url) as connection:
        connection.execute(delete(share))
        connection.execute(delete(audit_event).where(audit_event.c.share_id.in_(share_ids)))
    sweep_twice(stage)
    assert with_keys(stage) == share_ids
    assert is_halted(stage)
    confirm_early_ends(stage.deps)
    sweep_twice(stage)
    assert not with_keys(stage)


def test_a_writer_of_the_database_does_not_confirm(stage: Stage) -> None:
    share_ids = withdrawn(stage, LIMIT + 1)
    work(stage)
    with as_owner(stage.database_url) as connection:
        connection.execute(text("UPDATE deployment SET ends_halted_at = NULL"))
    work(stage)
    assert with_keys(stage) == share_ids
    assert is_halted(stage)
    assert alarms(stage) == 2


def test_a_state_that_was_changed_in_the_keyrings_store_halts(stage: Stage) -> None:
    withdrawn(stage, 1)
    work(stage)
    [(name, value)] = stage.deps.keyring.list_values("ends:").items()
    stage.deps.keyring.keep({name: value + b"\0"})
    share_ids = withdrawn(stage, 1)
    work(stage)
    assert with_keys(stage) == share_ids
    assert is_halted(stage)
