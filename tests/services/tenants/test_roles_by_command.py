"""An operator gives himself a role by command: nothing opens before an administrator of the tenant has confirmed it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, NotFound, Unavailable, existing
from deldokument.domain.messages.outbox import Outcome, Result
from deldokument.domain.tenants.tenancy import Contact
from deldokument.ports.channels import Email
from deldokument.services.accounts import members
from deldokument.services.accounts.lifecycle import change_account_rules
from deldokument.services.auth.roles import Roles, roles_of
from deldokument.services.tenants import administrators, registration
from deldokument.services.tenants.administrators import NOTICE
from deldokument.services.tenants.registration import create_tenant
from tests.support.stage.accounts import set_rules
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import FJELL, ODD, SIV, FakeMail, Stage, person
from tests.support.stage.tenants import sign_agreements

EWA = "47906701517"


def test_a_member_added_by_command_opens_nothing_before_confirmation(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=EWA, name="Ewa Kowalska")
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    added = members.add_member(stage.deps, **where, number=SIV, name="Siv Holm")
    stage.clock.advance(days=30)
    assert roles_of(stage.deps, person(SIV)) == Roles()
    with pytest.raises(NotFound):
        members.confirm_members(stage.deps, **where, member_ids=[added.id], person=person(SIV))
    assert members.confirm_members(stage.deps, **where, member_ids=[added.id], person=person(EWA)) == 1
    [membership] = roles_of(stage.deps, person(SIV)).memberships
    assert membership.account.id == stage.byggesak.id


def test_a_refused_member_is_gone(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    added = members.add_member(stage.deps, **where, number=SIV, name="Siv Holm")
    members.remove_member(stage.deps, **where, member_id=added.id, person=person(EWA))
    assert members.list_members(stage.deps, **where).waiting == ()


def test_an_administrator_added_by_command_opens_nothing_before_confirmation(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id}
    sign_agreements(stage.deps, stage.tenant.id)
    add_administrator(stage.deps, **where, number=EWA, name="Ewa Kowalska")
    added = administrators.add_administrator(stage.deps, **where, number=SIV, name="Siv Holm")
    stage.clock.advance(days=30)
    assert roles_of(stage.deps, person(SIV)) == Roles()
    with pytest.raises(NotFound):
        administrators.confirm_administrator(stage.deps, **where, administrator_id=added.id, person=person(SIV))
    administrators.confirm_administrator(stage.deps, **where, administrator_id=added.id, person=person(EWA))
    assert [one.id for one in roles_of(stage.deps, person(SIV)).administered] == [stage.tenant.id]


def test_the_event_of_a_confirmation_names_who_confirmed_and_whom(stage: Stage) -> None:
    where, by = {"tenant_id": stage.tenant.id}, person(EWA)
    sign_agreements(stage.deps, stage.tenant.id)
    add_administrator(stage.deps, **where, number=EWA, name="Ewa Kowalska")
    account = where | {"account_id": stage.byggesak.id}
    member = members.add_member(stage.deps, **account, number=SIV, name="Siv Holm").id
    administrator = administrators.add_administrator(stage.deps, **where, number=ODD, name="Odd Bakken").id
    members.confirm_members(stage.deps, **account, member_ids=[member], person=by)
    administrators.confirm_administrator(stage.deps, **where, administrator_id=administrator, person=by)
    kinds = {EventKind.MEMBER_CONFIRMED, EventKind.ADMINISTRATOR_CONFIRMED}
    confirmed = [(number, existing(one.details)) for number, one in stage.trail() if one.kind in kinds][-2:]
    assert [number for number, _ in confirmed] == [EWA, EWA]
    assert [confirmed[0][1]["member"], confirmed[1][1]["administrator"]] == [member, administrator]


def test_a_sole_new_administrator_waits_seven_days_and_the_body_is_notified(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id}
    sign_agreements(stage.deps, stage.tenant.id)
    ewa = add_administrator(stage.deps, **where, number=EWA, name="Ewa Kowalska")
    administrators.add_administrator(stage.deps, **where, number=SIV, name="Siv Holm")
    assert stage.mail.letters == []
    administrators.remove_administrator(stage.deps, **where, administrator_id=ewa.id)
    assert [letter.to for letter in stage.mail.letters] == [stage.tenant.contact.email]
    stage.clock.instant += NOTICE - timedelta(seconds=1)
    assert roles_of(stage.deps, person(SIV)) == Roles()
    stage.clock.advance(seconds=1)
    assert [one.id for one in roles_of(stage.deps, person(SIV)).administered] == [stage.tenant.id]


def test_without_a_notice_no_time_makes_an_administrator(stage: Stage) -> None:
    stage.deps = replace(stage.deps, mail=None)
    sign_agreements(stage.deps, stage.tenant.id)
    administrators.add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    stage.clock.advance(days=300)
    assert roles_of(stage.deps, person(SIV)) == Roles()


def test_before_the_agreement_is_signed_the_first_administrator_may_only_sign(stage: Stage) -> None:
    new = create_tenant(stage.deps, organization_number=FJELL, name="Fjell kommune", contact=Contact())
    where = {"tenant_id": new.id}
    first = administrators.add_administrator(stage.deps, **where, number=SIV, name="Siv Holm")
    found = roles_of(stage.deps, person(SIV))
    assert (found.administered, found.signs) == ((), (new,))
    with pytest.raises(Conflict, match="last_administrator"):
        administrators.remove_administrator(stage.deps, **where, administrator_id=first.id)


def test_an_administrator_leaves_no_tenant_to_one_who_waits(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id}
    ewa = add_administrator(stage.deps, **where, number=EWA, name="Ewa Kowalska")
    administrators.add_administrator(stage.deps, **where, number=ODD, name="Odd Bakken")
    with pytest.raises(Conflict, match="last_administrator"):
        administrators.remove_administrator(stage.deps, **where, administrator_id=ewa.id, person=person(EWA))


def test_one_whom_the_organization_refused_can_be_removed_and_another_one_announced(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id}
    first = administrators.add_administrator(stage.deps, **where, number=SIV, name="Siv Holm")
    administrators.remove_administrator(stage.deps, **where, administrator_id=first.id)
    stage.clock.advance(days=7)
    assert roles_of(stage.deps, person(SIV)) == Roles()
    administrators.add_administrator(stage.deps, **where, number=ODD, name="Odd Bakken")
    assert len(stage.mail.letters) == 2


def test_a_letter_that_is_not_accepted_changes_nothing(stage: Stage) -> None:
    stage.mail.outcome = Outcome(Result.AGAIN)
    with pytest.raises(Unavailable, match="contact_not_told"):
        administrators.add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    assert administrators.list_administrators(stage.deps, tenant_id=stage.tenant.id) == []


def test_two_who_wait_act_after_their_own_letter_each(stage: Stage) -> None:
    for number, name in ((SIV, "Siv Holm"), (ODD, "Odd Bakken")):
        administrators.add_administrator(stage.deps, tenant_id=stage.tenant.id, number=number, name=name)
        stage.clock.advance(days=6)
    assert [bool(roles_of(stage.deps, person(number)).administered) for number in (SIV, ODD)] == [True, False]


def test_an_administrator_added_while_the_letter_is_sent_waits_for_the_confirmation(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id}
    earlier = stage.deps
    added: list[str] = []

    class Meanwhile(FakeMail):
        def send(self, letter: Email) -> Outcome:
            added.append(add_administrator(earlier, **where, number=EWA, name="Ewa Kowalska").id)
            return super().send(letter)

    administrators.add_administrator(replace(earlier, mail=Meanwhile()), **where, number=SIV, name="Siv Holm")
    stage.clock.advance(days=300)
    assert added
    assert roles_of(stage.deps, person(SIV)) == Roles()


OTHER = "operator@annet.example"


def set_email_by_command(stage: Stage, email: str) -> None:
    contact = replace(registration.show_tenant(stage.deps, stage.tenant.id).contact, email=email)
    registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, contact=contact)


def letters_after_all_administrators_are_gone(stage: Stage) -> list[str]:
    where = {"tenant_id": stage.tenant.id}
    ewa = add_administrator(stage.deps, **where, number=EWA, name="Ewa Kowalska")
    administrators.add_administrator(stage.deps, **where, number=SIV, name="Siv Holm")
    administrators.remove_administrator(stage.deps, **where, administrator_id=ewa.id)
    return [letter.to for letter in stage.mail.letters]


@pytest.mark.parametrize("email", [OTHER, ""])
def test_a_command_cannot_turn_the_letter_to_another_address(stage: Stage, email: str) -> None:
    with pytest.raises(Conflict, match="administrator_decides"):
        set_email_by_command(stage, email)
    assert letters_after_all_administrators_are_gone(stage) == [stage.tenant.contact.email]


def test_a_signature_is_enough_to_keep_commands_from_the_address(stage: Stage) -> None:
    stage.change_tenant(activated_at=None)
    set_email_by_command(stage, OTHER)
    sign_agreements(stage.deps, stage.tenant.id)
    with pytest.raises(Conflict, match="administrator_decides"):
        set_email_by_command(stage, "enda@en.example")


def test_the_letter_goes_to_the_address_that_an_administrator_has_given(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "person": person(EWA)}
    registration.change_email(stage.deps, **where, email=" ny@eksempel.example")
    assert letters_after_all_administrators_are_gone(stage) == ["ny@eksempel.example"]


@pytest.mark.parametrize(("email", "code"), [("", "field_missing"), ("ny", "email_malformed")])
def test_a_tenant_always_has_an_address_for_letters(stage: Stage, email: str, code: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        registration.change_email(stage.deps, tenant_id=stage.tenant.id, email=email, person=person(EWA))
    assert [(error.field, error.code) for error in refused.value.errors] == [("email", code)]


@pytest.mark.parametrize("safeguard", ["four_eyes", "confidential"])
def test_a_command_does_not_switch_off_what_keeps_others_out(stage: Stage, safeguard: str) -> None:
    account = set_rules(stage, stage.byggesak, **{safeguard: True})
    where = {"tenant_id": stage.tenant.id, "account_id": account.id, "revision": account.revision}
    wanted = replace(account.rules, **{safeguard: False})
    with pytest.raises(Conflict, match="administrator_decides"):
        change_account_rules(stage.deps, **where, rules=wanted)
    with stage.deps.database.read() as tx:
        assert existing(tx.accounts.get(account.id)).rules == account.rules
    assert change_account_rules(stage.deps, **where, rules=wanted, person=person(EWA)).rules == wanted


@pytest.mark.parametrize("safeguard", ["four_eyes", "confidential"])
def test_a_command_switches_on_what_keeps_others_out(stage: Stage, safeguard: str) -> None:
    account = set_rules(stage, stage.byggesak, **{safeguard: False})
    where = {"tenant_id": stage.tenant.id, "account_id": account.id, "revision": account.revision}
    wanted = replace(account.rules, **{safeguard: True})
    assert change_account_rules(stage.deps, **where, rules=wanted).rules == wanted
