"""What the operator does for all tenants."""

from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, NotFound, Unavailable
from deldokument.domain.tenants.tenancy import Contact, Tenant
from deldokument.services.auth.roles import roles_of
from deldokument.services.tenants import registration
from tests.support.stage.stage import BANKRUPT, DELETED, FJELL, KARI, OLA, SIV, Stage, person

CONTACT = Contact("22 00 00 00", "post@fjell.example", "9-15")


def register(
    stage: Stage, number: str = FJELL, administrator: str = SIV, name: str = "Siv Holm", contact: Contact = CONTACT
) -> Tenant:
    return registration.register_tenant(
        stage.deps,
        organization_number=number,
        contact=contact,
        number=administrator,
        name=name,
        person=person(OLA),
    )


def test_a_tenant_has_the_name_of_the_register_and_its_first_administrator(stage: Stage) -> None:
    tenant = register(stage, "312 824 450")
    assert (tenant.name, tenant.organization_number, tenant.contact) == ("FJELL AS", FJELL, CONTACT)
    assert not tenant.is_in_use
    assert roles_of(stage.deps, person(SIV)).signs == (tenant,)


def test_the_creator_of_the_tenant_is_in_the_trail(stage: Stage) -> None:
    tenant = register(stage)
    with stage.deps.database.read() as tx:
        events = [event for _, event in tx.audit.events() if event.tenant_id == tenant.id]
    assert [event.kind for event in events] == [EventKind.TENANT_CREATED, EventKind.ADMINISTRATOR_ADDED]
    assert all(event.subject_id for event in events)


def test_an_organization_is_a_tenant_once(stage: Stage) -> None:
    register(stage)
    with pytest.raises(Conflict, match="tenant_exists"):
        register(stage, administrator=KARI, name="Kari Lunde")
    assert roles_of(stage.deps, person(KARI)).signs == ()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("312824451", "organization_number_unknown"),
        ("310240001", "organization_unknown"),
        (DELETED, "tenant_organization_deleted"),
        (BANKRUPT, "tenant_organization_bankrupt"),
    ],
)
def test_what_is_no_living_organization_becomes_no_tenant(stage: Stage, number: str, code: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        register(stage, number)
    assert [(error.field, error.code) for error in refused.value.errors] == [("organization_number", code)]


def test_an_organization_being_wound_up_becomes_a_tenant_and_is_marked_so(stage: Stage) -> None:
    tenant = register(stage)
    known = stage.register.known[FJELL]
    reported = []
    for status in ("active", "winding_up", "forced_winding_up"):
        stage.register.known[FJELL] = replace(known, status=status)
        reported.append(registration.is_winding_up(stage.deps, tenant))
    assert reported == [False, True, True]
    del stage.register.known[FJELL]
    assert not registration.is_winding_up(stage.deps, tenant)
    stage.register.down = True
    assert not registration.is_winding_up(stage.deps, tenant)


def test_contact_information_that_recipients_are_to_be_shown_is_checked_as_an_accounts_is(stage: Stage) -> None:
    with pytest.raises(InvalidFields) as refused:
        register(stage, contact=Contact("ring oss", "javascript:alert(1)\r\nBcc: x@y.example", "9-15\x07"))
    assert [(error.field, error.code) for error in refused.value.errors] == [
        ("telephone", "telephone_malformed"),
        ("email", "email_malformed"),
        ("hours", "text_control_characters"),
    ]
    tidy = Contact("22 00 00 00", "post@fjell.example")
    assert register(stage, contact=Contact(" 22  00 00 00 ", " post@fjell.example", "")).contact == tidy


def test_a_tenant_without_an_address_for_letters_is_not_created(stage: Stage) -> None:
    with pytest.raises(InvalidFields) as refused:
        register(stage, contact=Contact("22 00 00 00"))
    assert [(error.field, error.code) for error in refused.value.errors] == [("email", "field_missing")]


def test_without_the_register_no_tenant_is_created(stage: Stage) -> None:
    stage.register.down = True
    with pytest.raises(Unavailable):
        register(stage)
    assert len(registration.list_tenants(stage.deps)) == 2


def test_a_tenant_without_an_administrator_is_refused_with_all_faults(stage: Stage) -> None:
    with pytest.raises(InvalidFields) as refused:
        register(stage, "123", administrator="456", name="S")
    assert {error.field for error in refused.value.errors} == {"organization_number", "number", "name"}
    with pytest.raises(InvalidFields) as refused:
        register(stage, name="S")
    assert [error.field for error in refused.value.errors] == ["name"]
    assert len(registration.list_tenants(stage.deps)) == 2


def test_one_tenant_is_shown_or_does_not_exist(stage: Stage) -> None:
    tenant = register(stage)
    assert registration.show_tenant(stage.deps, tenant.id) == tenant
    with pytest.raises(NotFound):
        registration.show_tenant(stage.deps, "unknown")


def test_the_list_counts_administrators_and_accounts(stage: Stage) -> None:
    tenant = register(stage)
    found = {
        summary.tenant.name: (summary.administrators, summary.accounts)
        for summary in registration.list_tenants(stage.deps)
    }
    assert found == {tenant.name: (1, 0), "Eksempel kommune": (0, 2), "Prøve kommune": (0, 1)}
