"""Which fagsystemer may use an account."""

from typing import Any

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.tenancy import Account, Integration, IntegrationRights
from deldokument.services.accounts import integrations, lifecycle
from tests.support.browser import EWA
from tests.support.deployment.systems import SYSTEM
from tests.support.stage.stage import BANKRUPT, DELETED, FJELL, Stage, person


def of(stage: Stage, chosen: Account | None = None) -> dict[str, Any]:
    return {"tenant_id": stage.tenant.id, "account_id": (chosen or stage.byggesak).id, "person": person(EWA)}


def add(stage: Stage, number: str = FJELL, chosen: Account | None = None) -> Integration:
    return integrations.add_integration(stage.deps, **of(stage, chosen), organization_number=number)


def listed(stage: Stage, chosen: Account | None = None) -> list[Integration]:
    where = {name: value for name, value in of(stage, chosen).items() if name != "person"}
    return list(lifecycle.show_account(stage.deps, **where).integrations)


def trail(stage: Stage) -> list[tuple[EventKind, dict[str, Any], bool]]:
    kinds = {EventKind.INTEGRATION_ADDED, EventKind.INTEGRATION_CHANGED, EventKind.INTEGRATION_REMOVED}
    with stage.deps.database.read() as tx:
        every = [(e.kind, dict(e.details or {}), bool(e.subject_id)) for _, e in tx.audit.events() if e.kind in kinds]
    # The revision of the row is the database's.
    return [(kind, {n: v for n, v in details.items() if n != "revision"}, acted) for kind, details, acted in every]


def test_an_organisation_is_given_rights_under_the_registers_name(stage: Stage) -> None:
    added = add(stage, "312 824 450")
    assert (added.organization_number, added.name, added.added_at) == (FJELL, "FJELL AS", stage.clock.now())
    assert listed(stage) == [added]
    assert listed(stage, stage.avtaler) == []
    assert trail(stage) == [
        (EventKind.INTEGRATION_ADDED, {"account": stage.byggesak.id, "integration": added.id, "rights": "share"}, True)
    ]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("312824451", "organization_number_unknown"),
        ("31282445", "organization_number_length"),
        ("", "organization_number_missing"),
        ("310240001", "organization_unknown"),
        (DELETED, "integration_organization_deleted"),
    ],
)
def test_who_is_no_living_organisation_gets_no_rights(stage: Stage, number: str, code: str) -> None:
    with pytest.raises(InvalidInput, match=code) as caught:
        add(stage, number)
    assert caught.value.field == "organization_number"
    assert listed(stage) == []


def test_a_bankrupts_systems_may_go_on(stage: Stage) -> None:
    assert add(stage, BANKRUPT).name == "NEDLAGT FISK AS"


def test_with_the_register_down_nothing_is_added(stage: Stage) -> None:
    stage.register.down = True
    with pytest.raises(Unavailable, match="register_unavailable"):
        add(stage)
    assert listed(stage) == []


def test_an_organisation_is_given_rights_to_an_account_once(stage: Stage) -> None:
    add(stage)
    with pytest.raises(Conflict, match="integration_exists"):
        add(stage)
    assert add(stage, chosen=stage.avtaler)
    assert len(listed(stage)) == 1


def test_rights_end_when_they_are_removed_and_can_be_given_anew(stage: Stage) -> None:
    added = add(stage)
    shown = integrations.show_integration(
        stage.deps, tenant_id=stage.tenant.id, account_id=stage.byggesak.id, integration_id=added.id
    )
    assert (shown[0].id, shown[1]) == (stage.byggesak.id, added)
    integrations.remove_integration(stage.deps, **of(stage), integration_id=added.id)
    assert listed(stage) == []
    with pytest.raises(NotFound):
        integrations.remove_integration(stage.deps, **of(stage), integration_id=added.id)
    assert [kind for kind, _, _ in trail(stage)] == [EventKind.INTEGRATION_ADDED, EventKind.INTEGRATION_REMOVED]
    assert add(stage).id != added.id


def test_an_integration_of_another_account_looks_like_none_at_all(stage: Stage) -> None:
    theirs = add(stage, chosen=stage.avtaler)
    with pytest.raises(NotFound):
        integrations.remove_integration(stage.deps, **of(stage), integration_id=theirs.id)
    assert listed(stage, stage.avtaler) == [theirs]


def test_the_rights_of_a_system_can_be_changed_and_that_is_recorded_once(stage: Stage) -> None:
    added = add(stage)
    for _ in range(2):
        changed = integrations.change_rights(
            stage.deps, **of(stage), integration_id=added.id, rights=IntegrationRights.READ
        )
    assert listed(stage) == [changed]
    assert changed.rights is IntegrationRights.READ
    about = {"account": stage.byggesak.id, "integration": added.id, "rights": "read"}
    assert trail(stage)[1:] == [(EventKind.INTEGRATION_CHANGED, about, True)]


def test_rights_are_changed_in_the_integrations_own_account_only(stage: Stage) -> None:
    added = add(stage)
    with pytest.raises(NotFound):
        integrations.change_rights(
            stage.deps, **of(stage, stage.avtaler), integration_id=added.id, rights=IntegrationRights.READ
        )
    assert listed(stage) == [added]


def test_a_system_may_be_let_in_to_read_only(stage: Stage) -> None:
    added = integrations.add_integration(
        stage.deps, **of(stage), organization_number=FJELL, rights=IntegrationRights.READ
    )
    assert listed(stage) == [added]
    assert added.rights is IntegrationRights.READ


def test_a_password_is_good_for_its_own_integration_until_the_next_one(stage: Stage) -> None:
    added, other = add(stage), add(stage, BANKRUPT)
    assert not integrations.holds_password(stage.deps, SYSTEM, added.id, "")
    first = integrations.renew_password(stage.deps, **of(stage), integration_id=added.id)
    assert integrations.holds_password(stage.deps, SYSTEM, added.id, first)
    assert not integrations.holds_password(stage.deps, SYSTEM, other.id, first)
    assert not integrations.holds_password(stage.deps, SYSTEM, "x", first)
    assert not integrations.holds_password(stage.deps, Consumer(OrganizationNumber(BANKRUPT)), added.id, first)
    second = integrations.renew_password(stage.deps, **of(stage), integration_id=added.id)
    assert not integrations.holds_password(stage.deps, SYSTEM, added.id, first)
    assert integrations.holds_password(stage.deps, SYSTEM, added.id, second)
    integrations.remove_integration(stage.deps, **of(stage), integration_id=added.id)
    assert not integrations.holds_password(stage.deps, SYSTEM, added.id, second)


def test_a_password_is_shown_once_and_stored_as_a_digest(stage: Stage) -> None:
    added = add(stage)
    password = integrations.renew_password(stage.deps, **of(stage), integration_id=added.id)
    [kept] = listed(stage)
    assert password.encode() not in (kept.password_hash or b"")
    about = {"account": stage.byggesak.id, "integration": added.id, "changed": "password"}
    assert trail(stage)[1:] == [(EventKind.INTEGRATION_CHANGED, about, True)]


def test_a_page_that_is_sent_again_makes_no_second_password(stage: Stage) -> None:
    added = add(stage)
    which = {**of(stage), "integration_id": added.id, "revision": added.revision}
    password = integrations.renew_password(stage.deps, **which)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        integrations.renew_password(stage.deps, **which)
    assert integrations.holds_password(stage.deps, SYSTEM, added.id, password)


def test_surrogates_in_a_password_are_no_fault_of_ours(stage: Stage) -> None:
    added = add(stage)
    integrations.renew_password(stage.deps, **of(stage), integration_id=added.id)
    assert not integrations.holds_password(stage.deps, SYSTEM, added.id, "\ud800")


def test_archiving_is_confirmed_when_access_is_given_or_later_and_taken_back(stage: Stage) -> None:
    added = integrations.add_integration(stage.deps, **of(stage), organization_number=FJELL, archive_confirmed=True)
    assert added.archive_confirmed_at == stage.clock.now()
    assert listed(stage) == [added]
    for _ in range(2):
        taken_back = integrations.confirm_archive(stage.deps, **of(stage), integration_id=added.id, confirmed=False)
    assert listed(stage) == [taken_back]
    assert taken_back.archive_confirmed_at is None
    stage.clock.advance(days=1)
    for _ in range(2):
        integrations.confirm_archive(stage.deps, **of(stage), integration_id=added.id, confirmed=True)
    assert listed(stage)[0].archive_confirmed_at == stage.clock.now()
    assert [(kind, details.get("archive"), by) for kind, details, by in trail(stage)] == [
        (EventKind.INTEGRATION_ADDED, "confirmed", True),
        (EventKind.INTEGRATION_CHANGED, "taken_back", True),
        (EventKind.INTEGRATION_CHANGED, "confirmed", True),
    ]


def test_nothing_is_confirmed_of_a_system_unless_somebody_does(stage: Stage) -> None:
    assert add(stage).archive_confirmed_at is None


def test_archiving_is_confirmed_in_the_integrations_own_account_only(stage: Stage) -> None:
    added = add(stage)
    with pytest.raises(NotFound):
        integrations.confirm_archive(stage.deps, **of(stage, stage.avtaler), integration_id=added.id, confirmed=True)
    assert listed(stage) == [added]
