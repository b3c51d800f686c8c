"""Accounts that many change at the same instant, on every database: one name, one change, one end."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, existing
from deldokument.domain.shares.share import ShareState
from deldokument.domain.tenants.tenancy import AccountRules
from deldokument.services.accounts import deletion, lifecycle
from tests.support.stage.stage import OLA, Stage, set_stage

WRITERS = 6


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    new = set_stage(tmp_path, database_url)
    yield new
    new.close()


def on_event_loop(deed: Callable[[int], object]) -> list[str]:
    """Return the sorted results when all do the deed at the same instant."""
    ready = Barrier(WRITERS)

    def do(number: int) -> str:
        ready.wait()
        try:
            deed(number)
        except Conflict as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(WRITERS) as pool:
        return sorted(pool.map(do, range(WRITERS)))


def count(stage: Stage, kind: EventKind) -> int:
    with stage.deps.database.read() as tx:
        return sum(event.kind is kind for _, event in tx.audit.events())


def test_of_many_who_take_a_name_at_once_one_gets_it_however_it_is_written(stage: Stage) -> None:
    names = ["Skole", "skole", "SKOLE", " Skole ", "sKOLE", "Skole"]
    answers = on_event_loop(lambda n: lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name=names[n]))
    assert answers == ["account_name_taken"] * (WRITERS - 1) + ["done"]


def test_of_many_concurrent_changes_of_an_account_one_succeeds_and_the_others_conflict(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    rules = [AccountRules(quota=(number + 1) * 10**9) for number in range(WRITERS)]
    answers = on_event_loop(lambda n: lifecycle.change_account_rules(stage.deps, **where, rules=rules[n], revision=1))
    assert answers == ["changed_meanwhile"] * (WRITERS - 1) + ["done"]
    assert count(stage, EventKind.ACCOUNT_RULES_CHANGED) == 1


def test_of_many_workers_one_ends_an_account(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    share_id = stage.publish(OLA)
    deletion.delete_account(stage.deps, **where, typed_name="Byggesak")
    stage.clock.advance(hours=24)
    assert on_event_loop(lambda _: deletion.end_deleted_accounts(stage.deps)) == ["done"] * WRITERS
    with stage.deps.database.read() as tx:
        assert existing(tx.shares.get(share_id)).state is ShareState.WITHDRAWN
        assert existing(tx.accounts.get(stage.byggesak.id)).ended_at == stage.clock.now()
    assert (count(stage, EventKind.ACCOUNT_ENDED), count(stage, EventKind.SHARE_WITHDRAWN)) == (1, 1)
