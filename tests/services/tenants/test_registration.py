"""Tenants."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, existing
from deldokument.domain.tenants.tenancy import Contact
from deldokument.services.shares.drafts import drafts
from deldokument.services.tenants import offboarding, registration
from tests.support.stage.stage import KARI, Stage, person

NOBODY = Contact()


def test_a_tenant_is_known_by_its_number_and_exists_once(stage: Stage) -> None:
    tenant = registration.create_tenant(
        stage.deps, organization_number="312 824 450", name=" Ny  kommune ", contact=NOBODY
    )
    assert (tenant.organization_number, tenant.name) == ("312824450", "Ny kommune")
    with pytest.raises(Conflict, match="tenant_exists"):
        registration.create_tenant(stage.deps, organization_number="312824450", name="Igjen", contact=NOBODY)


@pytest.mark.parametrize(("number", "name"), [("312824451", "Ny kommune"), ("312824450", " ")])
def test_a_tenant_needs_a_number_and_a_name(stage: Stage, number: str, name: str) -> None:
    with pytest.raises(InvalidInput):
        registration.create_tenant(stage.deps, organization_number=number, name=name, contact=NOBODY)


def test_a_tenants_longest_period_holds_however_an_end_is_set(stage: Stage) -> None:
    changed = registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, longest_days=7)
    assert (changed.period.standard, changed.period.longest) == (timedelta(days=7), timedelta(days=7))
    share = stage.draft()
    with pytest.raises(InvalidInput, match="period_too_long"):
        drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())


def test_a_longest_period_that_is_raised_again_brings_the_standard_back(stage: Stage) -> None:
    registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, longest_days=7)
    changed = registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, longest_days=60)
    assert (changed.period.standard, changed.period.longest) == (timedelta(days=30), timedelta(days=60))


@pytest.mark.parametrize("days", [0, -1, 91])
def test_no_tenant_goes_beyond_the_limits_of_the_service(stage: Stage, days: int) -> None:
    with pytest.raises(InvalidInput, match="period_rule"):
        registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, longest_days=days)


def test_the_question_about_the_archive_is_the_tenants_and_leaves_the_period_alone(stage: Stage) -> None:
    changed = registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, ask_archived=False)
    assert not changed.ask_archived
    assert changed.period == stage.tenant.period
    with pytest.raises(NotFound):
        registration.change_tenant_rules(stage.deps, tenant_id="unknown", ask_archived=False)


def changed_rules(stage: Stage) -> list[str | int]:
    """What the event log says was changed, the oldest first."""
    events = [event for _, event in stage.trail() if event.kind is EventKind.TENANT_RULES_CHANGED]
    return [existing(event.details)["changed"] for event in events]


def test_new_rules_are_written_down_and_the_same_again_are_not(stage: Stage) -> None:
    for days in (7, 7, 60):
        registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, longest_days=days)
    written = [event for _, event in stage.trail() if event.kind is EventKind.TENANT_RULES_CHANGED]
    assert [event.tenant_id for event in written] == [stage.tenant.id] * 2
    contact = replace(stage.tenant.contact, telephone="22 99 00 00")
    registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, ask_archived=False, contact=contact)
    assert changed_rules(stage) == ["period", "period", "ask_archived,contact"]


def test_the_operator_says_what_the_provider_knows_a_tenant_by_and_takes_it_back(stage: Stage) -> None:
    for name in ("eksempel_kommune", ""):
        changed = registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, on_behalf_of=name)
        assert changed.on_behalf_of == name
        with stage.deps.database.read() as tx:
            assert tx.tenants.get(stage.tenant.id) == changed


@pytest.mark.parametrize("name", ["Eksempel kommune", "eksempel&scope=x", "x" * 101, "kommune\n", "å"])
def test_what_the_provider_cannot_know_a_tenant_by_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(InvalidInput, match="on_behalf_of"):
        registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, on_behalf_of=name)


def test_the_contact_for_recipients_can_be_changed_after_the_tenant_was_created(stage: Stage) -> None:
    email = stage.tenant.contact.email
    contact = Contact(" 22 99  00 00", email)
    changed = registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, contact=contact)
    assert changed.contact == Contact("22 99 00 00", email)
    with stage.deps.database.read() as tx:
        assert tx.tenants.get(stage.tenant.id) == changed
    with pytest.raises(InvalidFields) as caught:
        registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, contact=Contact("ring oss"))
    assert [error.code for error in caught.value.errors] == ["telephone_malformed"]


def test_the_contact_for_breaches_is_named_once_and_by_no_tenant_that_has_ended(stage: Stage) -> None:
    def name(contact: str) -> None:
        registration.name_breach_contact(stage.deps, tenant_id=stage.tenant.id, contact=contact, person=person(KARI))

    for contact in (" Personvernombudet ", "Personvernombudet"):
        name(contact)
        with stage.deps.database.read() as tx:
            assert existing(tx.tenants.get(stage.tenant.id)).breach_contact == "Personvernombudet"
    assert changed_rules(stage) == ["breach_contact"]
    with pytest.raises(InvalidInput):
        name("x" * 1000)
    offboarding.offboard_tenant(
        stage.deps, tenant_id=stage.tenant.id, typed_name=stage.tenant.name, person=person(KARI)
    )
    with pytest.raises(Conflict):
        name("")
