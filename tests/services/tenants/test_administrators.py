"""Who configures a tenant: named, listed, removed, and never the last one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.services.accounts import members
from deldokument.services.audit import search
from deldokument.services.auth.roles import roles_of
from deldokument.services.tenants import administrators, offboarding
from tests.support.browser import EWA
from tests.support.deployment.stack import DATABASES
from tests.support.servers.postgres import postgres_server, postgres_url  # noqa: F401
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, ODD, SIV, Stage, person, run_all, set_stage


def name(stage: Stage, number: str, called: str) -> str:
    return add_administrator(stage.deps, tenant_id=stage.tenant.id, number=number, name=called).id


def remove(stage: Stage, administrator_id: str, by: str = EWA) -> None:
    administrators.remove_administrator(
        stage.deps, tenant_id=stage.tenant.id, administrator_id=administrator_id, person=person(by)
    )


def names(stage: Stage) -> list[str]:
    return [view.name for view in administrators.list_administrators(stage.deps, tenant_id=stage.tenant.id)]


def test_an_administrator_configures_the_tenant_and_shares_nothing(stage: Stage) -> None:
    view = add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name=" Siv  Holm")
    assert (view.name, view.masked) == ("Siv Holm", f"{SIV[:6]} *****")
    assert roles_of(stage.deps, person(SIV)).administered == (stage.tenant,)
    assert members.memberships(stage.deps, person(SIV)) == []
    with pytest.raises(NotFound):
        stage.draft(SIV)


def test_a_member_configures_nothing(stage: Stage) -> None:
    assert roles_of(stage.deps, person(KARI)).administered == ()
    assert administrators.administrator_of(stage.deps, tenant_id=stage.tenant.id, person=person(KARI)) is None


def test_a_person_is_an_administrator_of_a_tenant_once(stage: Stage) -> None:
    name(stage, SIV, "Siv Holm")
    with pytest.raises(Conflict, match="administrator_exists"):
        name(stage, f"{SIV[:6]} {SIV[6:]}", "Siv Holm")
    other = stage.barnevern.tenant_id
    add_administrator(stage.deps, tenant_id=other, number=SIV, name="Siv Holm")
    assert len(roles_of(stage.deps, person(SIV)).administered) == 2


@pytest.mark.parametrize(("number", "called"), [("1", "Siv Holm"), (SIV, " ")])
def test_an_administrator_needs_a_number_and_a_name(stage: Stage, number: str, called: str) -> None:
    with pytest.raises(InvalidInput):
        name(stage, number, called)


def test_a_tenant_that_does_not_exist_has_no_administrators(stage: Stage) -> None:
    with pytest.raises(NotFound):
        add_administrator(stage.deps, tenant_id="unknown", number=SIV, name="Siv Holm")
    with pytest.raises(NotFound):
        administrators.list_administrators(stage.deps, tenant_id="unknown")
    with pytest.raises(NotFound):
        administrators.remove_administrator(stage.deps, tenant_id="unknown", administrator_id="unknown")


def test_nobody_is_named_administrator_of_a_tenant_that_has_been_forgotten(stage: Stage) -> None:
    name(stage, EWA, "Ewa Kowalska")
    offboarding.offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name)
    name(stage, ODD, "Odd Bakken")
    run_all(stage.deps)
    stage.clock.advance(days=365)
    run_all(stage.deps)
    with pytest.raises(Conflict, match="service_ended"):
        name(stage, SIV, "Siv Holm")
    assert names(stage) == []


def test_administrators_are_listed_in_norwegian_order(stage: Stage) -> None:
    for number, called in ((SIV, "Åse Holm"), (ODD, "Ærlend Bakken"), (KARI, "kari Lunde")):
        name(stage, number, called)
    assert names(stage) == ["kari Lunde", "Ærlend Bakken", "Åse Holm"]


def test_a_removed_administrator_is_out_at_the_next_request(stage: Stage) -> None:
    ewa, siv = name(stage, EWA, "Ewa Kowalska"), name(stage, SIV, "Siv Holm")
    assert administrators.administrator_of(stage.deps, tenant_id=stage.tenant.id, person=person(SIV)) == siv
    remove(stage, siv)
    assert roles_of(stage.deps, person(SIV)).administered == ()
    with pytest.raises(NotFound):
        remove(stage, siv)
    assert ewa


def test_an_administrator_of_another_tenant_is_none_of_this_one(stage: Stage) -> None:
    name(stage, EWA, "Ewa Kowalska")
    name(stage, KARI, "Kari Lunde")
    other = stage.barnevern.tenant_id
    theirs = add_administrator(stage.deps, tenant_id=other, number=SIV, name="Siv Holm").id
    with pytest.raises(NotFound):
        remove(stage, theirs)
    assert administrators.administrator_of(stage.deps, tenant_id=other, person=person(SIV)) == theirs


def test_the_last_administrator_is_never_removed(stage: Stage) -> None:
    ewa, siv = name(stage, EWA, "Ewa Kowalska"), name(stage, SIV, "Siv Holm")
    remove(stage, ewa)
    with pytest.raises(Conflict, match="last_administrator"):
        remove(stage, siv)
    assert names(stage) == ["Siv Holm"]


def test_who_named_and_who_removed_an_administrator_is_written_down(stage: Stage) -> None:
    ewa = name(stage, EWA, "Ewa Kowalska")
    siv = add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm", person=person(EWA)).id
    remove(stage, ewa, by=SIV)
    kinds = {EventKind.ADMINISTRATOR_ADDED, EventKind.ADMINISTRATOR_REMOVED}
    recorded = [
        (number, event.kind, dict(event.details or {})) for number, event in stage.trail() if event.kind in kinds
    ]
    holders = [details.pop("holder") for _, _, details in recorded]
    assert recorded == [
        (None, EventKind.ADMINISTRATOR_ADDED, {"administrator": ewa}),
        (EWA, EventKind.ADMINISTRATOR_ADDED, {"administrator": siv}),
        (SIV, EventKind.ADMINISTRATOR_REMOVED, {"administrator": ewa}),
    ]
    ids = [search.subject_ids_of(stage.deps, stage.tenant.id, person(number))[0] for number in (EWA, SIV, EWA)]
    assert holders == ids


@pytest.fixture(params=DATABASES)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """The stage on each database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    new = set_stage(tmp_path, url)
    yield new
    new.close()


def test_of_two_who_remove_each_other_at_once_one_stays(both: Stage) -> None:
    for _ in range(5):
        ewa, siv = name(both, EWA, "Ewa Kowalska"), name(both, SIV, "Siv Holm")
        start = threading.Barrier(2)

        def try_to(administrator_id: str, by: str, start: threading.Barrier = start) -> str:
            start.wait(10)
            try:
                remove(both, administrator_id, by)
            except Conflict as error:
                return error.code
            return "removed"

        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(try_to, (ewa, siv), (SIV, EWA)))
        assert sorted(results) == ["last_administrator", "removed"]
        left = administrators.list_administrators(both.deps, tenant_id=both.tenant.id)
        assert len(left) == 1
        with both.deps.database.write() as tx:
            tx.staff.remove_administrator(left[0].id)
