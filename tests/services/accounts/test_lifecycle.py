"""Accounts: making, naming, deciding for, closing; two who do it at once; and accounts of others."""

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, NotFound, existing
from deldokument.domain.tenants.tenancy import UNDO, Account, AccountRules, Contact, NoticeChannel
from deldokument.services.accounts import deletion, integrations, lifecycle
from deldokument.services.tenants import registration
from tests.support.browser import EWA
from tests.support.stage.notices import FakeNotices
from tests.support.stage.stage import FJELL, KARI, Stage, person

RULES = AccountRules(
    contact=Contact("55 00 00 00", "bygg@eksempel.example", "10-14"),
    standard=timedelta(days=7),
    longest=timedelta(days=14),
    confidential=False,
    quota=5_000_000_000,
    four_eyes=True,
    notify=True,
    sms_sender="Eksempel",
    sms_cost_code="4711",
    full_numbers=True,
    name_tenant=True,
    notice_channel=NoticeChannel.SMS_FIRST,
    undo_window=timedelta(minutes=30),
)


def account(stage: Stage, account_id: str) -> Account:
    with stage.deps.database.read() as tx:
        return existing(tx.accounts.get(account_id))


def events(stage: Stage, *kinds: EventKind) -> list[AuditEvent]:
    with stage.deps.database.read() as tx:
        own = [event for _, event in tx.audit.events() if event.tenant_id == stage.tenant.id]
    return [event for event in own if event.kind in kinds]


def details(stage: Stage, kind: EventKind) -> list[dict[str, Any]]:
    """The details of the events of a kind, without the row's revision."""
    every = [dict(event.details or {}) for event in events(stage, kind)]
    return [{name: value for name, value in one.items() if name != "revision"} for one in every]


def of(stage: Stage, chosen: Account | None = None) -> dict[str, Any]:
    """The arguments that name an account of the stage's tenant, and who acts."""
    chosen = chosen or stage.byggesak
    return {"tenant_id": stage.tenant.id, "account_id": chosen.id, "person": person(EWA)}


def rename(stage: Stage, name: str, revision: int = 1) -> Account:
    return lifecycle.rename_account(stage.deps, **of(stage), name=name, revision=revision)


def change(stage: Stage, rules: AccountRules, revision: int = 1) -> Account:
    return lifecycle.change_account_rules(stage.deps, **of(stage), rules=rules, revision=revision)


def test_an_account_is_created_with_a_tidy_name_and_the_creator_is_recorded(stage: Stage) -> None:
    created = lifecycle.create_account(
        stage.deps, tenant_id=stage.tenant.id, name="  Áiššit  ja A\u030alesund ", person=person(EWA)
    )
    assert created.name == "Áiššit ja Ålesund"
    assert account(stage, created.id) == created
    event = events(stage, EventKind.ACCOUNT_CREATED)[-1]
    assert (event.tenant_id, event.details) == (stage.tenant.id, {"account": created.id})
    assert event.subject_id


@pytest.mark.parametrize("configured", [True, False])
def test_a_new_account_notifies_its_recipients_where_notices_are_configured(stage: Stage, configured: bool) -> None:
    deps = replace(stage.deps, notices=FakeNotices() if configured else None)
    created = lifecycle.create_account(deps, tenant_id=stage.tenant.id, name="Skole")
    assert account(stage, created.id).rules == AccountRules(notify=configured)
    silent = lifecycle.create_account(deps, tenant_id=stage.tenant.id, name="Helse", rules=AccountRules())
    assert not account(stage, silent.id).rules.notify


def test_rules_that_break_a_limit_make_no_account(stage: Stage) -> None:
    with pytest.raises(InvalidFields):
        lifecycle.create_account(
            stage.deps, tenant_id=stage.tenant.id, name="Skole", rules=AccountRules(sms_sender="!")
        )
    names = {view.account.name for view in lifecycle.list_accounts(stage.deps, tenant_id=stage.tenant.id)}
    assert "Skole" not in names


@pytest.mark.parametrize("name", ["", "K", "x" * 201, "Bygg\u202esak"])
def test_a_name_that_breaks_the_rule_makes_no_account(stage: Stage, name: str) -> None:
    with pytest.raises(InvalidInput, match="name_"):
        lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name=name)
    with pytest.raises(InvalidInput, match="name_"):
        rename(stage, name)


def test_an_account_belongs_to_a_tenant_that_exists(stage: Stage) -> None:
    with pytest.raises(NotFound):
        lifecycle.create_account(stage.deps, tenant_id="unknown", name="Skole")


@pytest.mark.parametrize("name", ["Byggesak", "BYGGESAK", " bygge\u00adsak ".replace("\u00ad", ""), "Ｂｙｇｇｅｓａｋ"])
def test_two_accounts_never_have_names_that_people_take_for_the_same(stage: Stage, name: str) -> None:
    with pytest.raises(Conflict, match="account_name_taken") as caught:
        lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name=name)
    assert caught.value.params == {"account": stage.byggesak.id}
    with pytest.raises(Conflict, match="account_name_taken"):
        lifecycle.rename_account(stage.deps, **of(stage, stage.avtaler), name=name, revision=1)


def test_another_tenant_may_have_an_account_of_the_same_name(stage: Stage) -> None:
    assert lifecycle.create_account(stage.deps, tenant_id=stage.barnevern.tenant_id, name="Byggesak").id


def test_a_form_sent_twice_at_once_makes_one_account(stage: Stage) -> None:
    outcomes: list[str] = []

    def make(name: str) -> None:
        try:
            lifecycle.create_account(stage.deps, tenant_id=stage.tenant.id, name=name)
            outcomes.append("made")
        except Conflict as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=make, args=(name,)) for name in ("Skole", "skole", "SKOLE", "Skole ")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["account_name_taken"] * 3 + ["made"]


def test_no_account_is_created_or_changed_before_the_tenant_is_in_use(stage: Stage) -> None:
    tenant = registration.create_tenant(stage.deps, organization_number=FJELL, name="Ny kommune", contact=Contact())
    with pytest.raises(Conflict, match="not_in_use"):
        lifecycle.create_account(stage.deps, tenant_id=tenant.id, name="Skole")
    with stage.deps.database.write() as tx:
        tx.tenants.save(replace(stage.tenant, ended_at=stage.clock.now()))
    for forbidden in (
        lambda: rename(stage, "Plan"),
        lambda: change(stage, RULES),
        lambda: lifecycle.reopen_account(stage.deps, **of(stage)),
        lambda: deletion.undo_deletion(stage.deps, **of(stage)),
        lambda: integrations.add_integration(stage.deps, **of(stage), organization_number=FJELL),
    ):
        with pytest.raises(Conflict, match="service_ended"):
            forbidden()
    assert lifecycle.close_account(stage.deps, **of(stage)).closed_at


def test_an_account_gets_another_name_and_may_change_how_its_own_is_written(stage: Stage) -> None:
    renamed = rename(stage, "Plan og bygg")
    assert (renamed.name, renamed.revision) == ("Plan og bygg", 2)
    assert rename(stage, "PLAN og bygg", 2).name == "PLAN og bygg"
    assert details(stage, EventKind.ACCOUNT_RENAMED) == [{"account": stage.byggesak.id}] * 2


def test_rules_are_stored_and_the_trail_names_the_changed_ones_and_no_value(stage: Stage) -> None:
    assert change(stage, RULES).rules == RULES
    assert account(stage, stage.byggesak.id).rules == RULES
    change(stage, replace(RULES, quota=None, contact=Contact()), 2)
    first, second = details(stage, EventKind.ACCOUNT_RULES_CHANGED)
    every = ",".join(field.name for field in fields(AccountRules))
    assert first == {"account": stage.byggesak.id, "changed": every}
    assert second["changed"] == "contact,quota"


def test_rules_that_break_a_limit_change_nothing(stage: Stage) -> None:
    with pytest.raises(InvalidFields) as caught:
        change(stage, replace(RULES, longest=timedelta(days=91), quota=0))
    assert [error.field for error in caught.value.errors] == ["longest", "quota"]
    assert account(stage, stage.byggesak.id) == stage.byggesak


def test_the_tenants_own_limit_is_the_accounts(stage: Stage) -> None:
    registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, longest_days=7)
    with pytest.raises(InvalidFields):
        change(stage, RULES)


def test_of_two_administrators_the_second_is_refused_and_overwrites_nothing(stage: Stage) -> None:
    change(stage, RULES)
    with pytest.raises(Conflict, match="changed_meanwhile"):
        change(stage, replace(RULES, four_eyes=False))
    with pytest.raises(Conflict, match="changed_meanwhile"):
        rename(stage, "Plan")
    kept = account(stage, stage.byggesak.id)
    assert (kept.name, kept.rules, kept.revision) == ("Byggesak", RULES, 2)


def test_the_same_change_asked_for_twice_is_done_once(stage: Stage) -> None:
    change(stage, RULES)
    assert change(stage, RULES).revision == 2
    rename(stage, "Plan", 2)
    assert rename(stage, " Plan ", 2).revision == 3
    changes = events(stage, EventKind.ACCOUNT_RULES_CHANGED, EventKind.ACCOUNT_RENAMED)
    assert len(changes) == 2


def test_an_account_is_closed_and_opened_again_once_each(stage: Stage) -> None:
    closed = lifecycle.close_account(stage.deps, **of(stage))
    assert closed.closed_at == stage.clock.now()
    stage.clock.advance(hours=1)
    assert lifecycle.close_account(stage.deps, **of(stage)) == closed
    opened = lifecycle.reopen_account(stage.deps, **of(stage))
    assert opened.is_open
    assert lifecycle.reopen_account(stage.deps, **of(stage)) == opened
    assert details(stage, EventKind.ACCOUNT_CLOSED) == [{"account": stage.byggesak.id}]
    assert details(stage, EventKind.ACCOUNT_REOPENED) == [{"account": stage.byggesak.id}]


def test_accounts_are_listed_with_what_they_hold(stage: Stage) -> None:
    stage.publish(content=b"x" * 1000)
    stage.draft()
    integrations.add_integration(stage.deps, **of(stage), organization_number=FJELL)
    avtaler, byggesak = lifecycle.list_accounts(stage.deps, tenant_id=stage.tenant.id)
    assert (avtaler.account, avtaler.contents.members) == (stage.avtaler, 2)
    assert byggesak.account == account(stage, stage.byggesak.id)
    held = byggesak.contents
    assert (held.members, held.drafts, held.open_shares, held.documents, held.stored_bytes) == (1, 1, 1, 1, 1000)
    assert [one.name for one in byggesak.integrations] == ["FJELL AS"]
    assert byggesak.undo_until is None
    shown = lifecycle.show_account(stage.deps, tenant_id=stage.tenant.id, account_id=stage.byggesak.id)
    assert shown == byggesak


def test_a_tenant_that_does_not_exist_has_no_list(stage: Stage) -> None:
    with pytest.raises(NotFound):
        lifecycle.list_accounts(stage.deps, tenant_id="unknown")


def test_a_deleted_account_is_seen_as_long_as_that_can_be_undone(stage: Stage) -> None:
    deletion.delete_account(stage.deps, **of(stage), typed_name="Byggesak")
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    assert lifecycle.show_account(stage.deps, **where).undo_until == stage.clock.now() + UNDO
    stage.clock.advance(hours=24)
    with pytest.raises(NotFound):
        lifecycle.show_account(stage.deps, **where)
    listed = lifecycle.list_accounts(stage.deps, tenant_id=stage.tenant.id)
    assert [view.account.name for view in listed] == ["Avtaler"]


Deed = Callable[[Stage, dict[str, Any]], object]


def _removed(stage: Stage, where: dict[str, Any]) -> None:
    integrations.remove_integration(stage.deps, **where, integration_id="any")


DEEDS: dict[str, Deed] = {
    "rename": lambda stage, where: lifecycle.rename_account(stage.deps, **where, name="Tatt", revision=1),
    "rules": lambda stage, where: lifecycle.change_account_rules(stage.deps, **where, rules=RULES, revision=1),
    "close": lambda stage, where: lifecycle.close_account(stage.deps, **where),
    "reopen": lambda stage, where: lifecycle.reopen_account(stage.deps, **where),
    "delete": lambda stage, where: deletion.delete_account(stage.deps, **where, typed_name="Barnevern"),
    "undo": lambda stage, where: deletion.undo_deletion(stage.deps, **where),
    "add": lambda stage, where: integrations.add_integration(stage.deps, **where, organization_number=FJELL),
    "remove": _removed,
}


@pytest.mark.parametrize("deed", DEEDS)
def test_an_account_of_another_tenant_looks_like_none_at_all(stage: Stage, deed: str) -> None:
    for account_id in (stage.barnevern.id, "unknown"):
        with pytest.raises(NotFound):
            DEEDS[deed](stage, {"tenant_id": stage.tenant.id, "account_id": account_id, "person": person(EWA)})
    assert account(stage, stage.barnevern.id) == stage.barnevern


@pytest.mark.parametrize("deed", ["rename", "rules", "close", "reopen", "add", "remove"])
def test_a_deleted_account_is_not_changed(stage: Stage, deed: str) -> None:
    deletion.delete_account(stage.deps, **of(stage), typed_name="Byggesak")
    with pytest.raises(Conflict, match="account_deleted"):
        DEEDS[deed](stage, of(stage))


def test_nor_is_it_shown_or_its_integrations(stage: Stage) -> None:
    for where in (
        {"tenant_id": stage.tenant.id, "account_id": stage.barnevern.id},
        {"tenant_id": "x", "account_id": "y"},
    ):
        with pytest.raises(NotFound):
            lifecycle.show_account(stage.deps, **where)
        with pytest.raises(NotFound):
            integrations.show_integration(stage.deps, **where, integration_id="any")


def test_the_operators_command_line_acts_without_a_person(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    lifecycle.close_account(stage.deps, **where)
    (event,) = events(stage, EventKind.ACCOUNT_CLOSED)
    assert event.subject_id is None
    assert KARI not in str(event)
