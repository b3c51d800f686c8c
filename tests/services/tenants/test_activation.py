"""«Ta i bruk»: what must be in place, and what waits for it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.tenancy import Contact, Tenant, must_be_in_use
from deldokument.services.encryption import EncryptedColumn, open_field, tenant_key_id
from deldokument.services.tenants import registration
from deldokument.services.tenants.activation import activate, missing_steps
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import FJELL, NOON, SIV, Stage, person
from tests.support.stage.tenants import record_assessment, sign_agreements


@pytest.fixture
def fresh(stage: Stage) -> Tenant:
    """A tenant that has done nothing yet; Siv administers it."""
    tenant = registration.create_tenant(stage.deps, organization_number=FJELL, name="Fjell", contact=Contact())
    add_administrator(stage.deps, tenant_id=tenant.id, number=SIV, name="Siv Holm")
    return tenant


def prepare(stage: Stage, tenant: Tenant, *steps: str) -> None:
    """The named steps, done."""
    kinds = {"main_agreement": AgreementKind.MAIN, "service_agreement": AgreementKind.SERVICE}
    for step in steps:
        if step in kinds:
            sign_agreements(stage.deps, tenant.id, kinds[step])
        else:
            record_assessment(stage.deps, tenant.id)


ALL = ("main_agreement", "service_agreement", "assessment")


def activations(stage: Stage) -> list[tuple[str | None, Any]]:
    return [(who, event) for who, event in stage.trail() if event.kind is EventKind.TENANT_ACTIVATED]


def test_a_tenant_in_use_goes_on(stage: Stage) -> None:
    must_be_in_use(stage.tenant)
    must_be_in_use(replace(stage.tenant, frozen_at=NOON))


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"activated_at": None}, "not_in_use"), ({"ended_at": NOON}, "service_ended")],
)
def test_a_tenant_that_is_not_in_use_is_refused_with_the_reason(
    stage: Stage, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Conflict, match=code):
        must_be_in_use(replace(stage.tenant, **changes))


@pytest.mark.parametrize("missing", [ALL, *((step,) for step in ALL), ALL[:2], ALL[1:]])
def test_the_service_is_not_taken_into_use_while_steps_are_missing_and_each_is_named(
    stage: Stage, fresh: Tenant, missing: tuple[str, ...]
) -> None:
    prepare(stage, fresh, *(step for step in ALL if step not in missing))
    with stage.deps.database.read() as tx:
        assert missing_steps(stage.deps, tx, fresh.id) == missing
    with pytest.raises(Conflict, match="steps_missing") as caught:
        activate(stage.deps, tenant_id=fresh.id, person=person(SIV))
    assert caught.value.params == {"steps": ", ".join(missing)}
    assert activations(stage) == []
    with stage.deps.database.read() as tx:
        assert tx.tenants.get(fresh.id) == fresh


def test_with_all_in_place_the_service_is_taken_into_use_by_somebody_and_at_a_time(stage: Stage, fresh: Tenant) -> None:
    prepare(stage, fresh, *ALL)
    tenant = activate(stage.deps, tenant_id=fresh.id, person=person(SIV))
    assert tenant == replace(fresh, activated_at=NOON)
    must_be_in_use(tenant)
    with stage.deps.database.read() as tx:
        assert tx.tenants.get(fresh.id) == tenant
        sealed = tx.tenant_lifecycle.get(fresh.id).sealed_activated_by
    key = stage.deps.keyring.create(tenant_key_id(fresh.id))
    assert open_field(key, sealed, EncryptedColumn.ACTIVATED_BY, fresh.id) == "Siv Holm"
    assert [(who, event.tenant_id) for who, event in activations(stage)] == [(SIV, fresh.id)]


def test_who_takes_it_into_use_twice_has_done_it_once(stage: Stage, fresh: Tenant) -> None:
    prepare(stage, fresh, *ALL)
    first = activate(stage.deps, tenant_id=fresh.id, person=person(SIV))
    stage.clock.advance(hours=1)
    assert activate(stage.deps, tenant_id=fresh.id) == first
    assert len(activations(stage)) == 1


def test_of_two_who_press_at_once_one_does_it(stage: Stage, fresh: Tenant) -> None:
    prepare(stage, fresh, *ALL)
    with ThreadPoolExecutor(4) as pool:
        activated = list(pool.map(lambda _: activate(stage.deps, tenant_id=fresh.id), range(4)))
    assert len(set(activated)) == 1
    assert len(activations(stage)) == 1


def test_a_tenant_that_has_ended_does_not_begin_again(stage: Stage) -> None:
    stage.change_tenant(ended_at=NOON)
    with pytest.raises(Conflict, match="service_ended"):
        activate(stage.deps, tenant_id=stage.tenant.id)


def test_a_tenant_that_does_not_exist_is_not_found(stage: Stage) -> None:
    with pytest.raises(NotFound):
        activate(stage.deps, tenant_id="nobody")
