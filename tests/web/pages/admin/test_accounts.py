"""«Kontoer» as administrators use it, alone, two at a time, twice, and out of order."""

import base64
import json
import re
import uuid
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from deldokument.domain.errors import existing
from deldokument.domain.tenants.tenancy import Account, AccountRules, Contact, NoticeChannel
from deldokument.services.accounts import deletion, integrations, lifecycle
from deldokument.services.shares.drafts import drafts
from deldokument.services.tenants import freezing, registration
from deldokument.services.tenants.freezing import FreezeReason
from tests.support.browser import EWA, ORIGIN, Browser, Web
from tests.support.deployment.systems import SYSTEM
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import DELETED, FJELL, KARI, OLA, person

_FIELD = re.compile(r'<(?:input|textarea)[^>]* name="([^"]+)"[^>]*>')
_VALUE = re.compile(r' value="([^"]*)"')
_SELECT = re.compile(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
_CHOSEN = re.compile(r'<option value="([^"]*)" selected>')
_FORM = '<form[^>]* action="{}"[^>]*>(.*?)</form>'
RULES = AccountRules(
    contact=Contact("55 00 00 00", "bygg@eksempel.example", "10–14"),
    standard=timedelta(hours=36),
    longest=timedelta(days=14),
    confidential=False,
    quota=2_500_000_000,
    four_eyes=True,
    notify=True,
    sms_sender="Eksempel",
    sms_cost_code="4711",
    full_numbers=True,
    name_tenant=True,
    notice_channel=NoticeChannel.SMS_FIRST,
    undo_window=timedelta(minutes=30),
)


@pytest.fixture
def ewa(web: Web) -> Browser:
    return web.browser(EWA)


def at(web: Web, *below: str) -> str:
    return "/".join((f"/konfigurasjon/{web.stage.tenant.id}/kontoer", *below))


def form(page: httpx.Response, action: str) -> dict[str, str]:
    """What the form of the page would send as it stands."""
    found = re.search(_FORM.format(re.escape(action)), page.text, re.DOTALL)
    assert found, action
    sent: dict[str, str] = {}
    for tag in _FIELD.finditer(found[1]):
        value = _VALUE.search(tag[0])
        choice = 'type="radio"' in tag[0] or 'type="checkbox"' in tag[0]
        if not choice or " checked" in tag[0]:
            sent[tag[1]] = unescape(value[1]) if value else ""
    for name, options in _SELECT.findall(found[1]):
        chosen = _CHOSEN.search(options)
        sent[name] = unescape(chosen[1]) if chosen else ""
    return sent


def main_text(page: httpx.Response) -> str:
    """What stands in the page, without tags."""
    found = re.search(r"<main.*</main>", page.text, re.DOTALL)
    assert found
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[0])).split())


def account(web: Web, chosen: Account | None = None) -> Account:
    with web.stage.deps.database.read() as tx:
        return existing(tx.accounts.get((chosen or web.stage.byggesak).id))


def names(web: Web) -> list[str]:
    with web.stage.deps.database.read() as tx:
        return [one.name for one in tx.accounts.of_tenant(web.stage.tenant.id)]


def change(web: Web, rules: AccountRules, revision: int = 1) -> None:
    """As another administrator does it."""
    where = {"tenant_id": web.stage.tenant.id, "account_id": web.stage.byggesak.id, "person": person(EWA)}
    lifecycle.change_account_rules(web.stage.deps, **where, rules=rules, revision=revision)


def delete(web: Web) -> None:
    where = {"tenant_id": web.stage.tenant.id, "account_id": web.stage.byggesak.id}
    deletion.delete_account(web.stage.deps, **where, typed_name="Byggesak")


def test_the_list_shows_the_status_of_each_account(web: Web, ewa: Browser) -> None:
    web.stage.publish(content=b"x" * 1_200_000)
    change(web, replace(RULES, quota=5_000_000_000))
    page = ewa.get(at(web))
    assert page.status_code == 200
    words = main_text(page)
    assert "Byggesak Åpen" in words
    assert re.search(r"1,2\sMB av 5\sGB", words)
    assert f'href="{at(web, web.stage.byggesak.id)}"' in page.text
    assert "Barnevern" not in words


def test_a_new_account_is_created_and_its_page_says_what_comes_next(web: Web, ewa: Browser) -> None:
    answer = ewa.post(at(web), {"name": " Áiššit  og skole "})
    assert answer.status_code == 303
    page = ewa.get(answer.headers["location"])
    assert "Áiššit og skole" in main_text(page)
    assert "Registrer nå dem som skal dele" in main_text(page)
    assert f'href="{answer.headers["location"].split("?")[0]}/brukere"' in page.text


@pytest.mark.parametrize("name", ["", "x", "y" * 201, "Bygg\u202esak"])
def test_a_name_that_is_refused_stays_in_its_field_with_the_reason(web: Web, ewa: Browser, name: str) -> None:
    page = ewa.post(at(web), {"name": name})
    assert page.status_code == 422
    assert "<title>Feil: " in page.text
    assert '<a class="ds-link" href="#name">' in page.text
    assert form(page, at(web))["name"] == name
    assert len(names(web)) == 2


@pytest.mark.parametrize(
    ("sent_from", "back"),
    [("{origin}{page}", "{page}"), ("https://evil.example{page}", "/"), ("{origin}.evil.example/", "/"), ("", "/")],
)
def test_the_answer_to_a_form_leads_back_to_the_page_of_the_form(
    web: Web, ewa: Browser, sent_from: str, back: str
) -> None:
    referer = sent_from.format(origin=ORIGIN, page=at(web))
    refused = ewa.post(at(web), {"name": ""}, headers={"Referer": referer})
    assert refused.status_code == 422
    wanted = re.search(r'href="/sprak/nn\?neste=([^"]*)"', refused.text)
    assert wanted
    assert ewa.get(f"/sprak/nn?neste={wanted[1]}").headers["location"] == back.format(page=at(web))


def test_the_second_of_two_equal_forms_says_that_the_account_exists_and_leads_to_it(web: Web, ewa: Browser) -> None:
    created = ewa.post(at(web), {"name": "Skole"}).headers["location"].split("?")[0]
    again = ewa.post(at(web), {"name": "skole"})
    assert again.status_code == 409
    assert "Det finnes allerede en konto med det navnet" in main_text(again)
    assert f'<a class="ds-link" href="{created}">Gå til Skole</a>' in again.text
    assert names(web).count("Skole") == 1


def test_before_the_tenant_is_in_use_there_is_no_form_and_a_direct_post_is_refused(web: Web, ewa: Browser) -> None:
    tenant = registration.create_tenant(web.stage.deps, organization_number=FJELL, name="Ny kommune", contact=Contact())
    add_administrator(web.stage.deps, tenant_id=tenant.id, number=EWA, name="Ewa Kowalska")
    path = f"/konfigurasjon/{tenant.id}/kontoer"
    page = ewa.get(path)
    assert "når virksomheten har tatt tjenesten i bruk" in main_text(page)
    assert f'action="{path}"' not in page.text
    answer = ewa.post(path, {"name": "Skole"})
    assert answer.status_code == 409
    assert "ikke tatt tjenesten i bruk" in main_text(answer)


def test_the_form_sends_just_what_is_kept(web: Web, ewa: Browser) -> None:
    change(web, RULES)
    page = ewa.get(at(web, web.stage.byggesak.id))
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(page, action)
    assert sent["standard"] == "36"
    assert (sent["standard_unit"], sent["longest_unit"], sent["quota"]) == ("hours", "days", "2,5")
    assert ewa.request("POST", action, data=sent).status_code == 303
    assert account(web).revision == 2
    assert account(web).rules == RULES


def test_rules_are_saved_from_the_form_and_that_is_shown(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(ewa.get(at(web, web.stage.byggesak.id)), action)
    typed = {
        "telephone": "55 00 00 00", "email": "bygg@eksempel.example", "hours": "10–14", "standard": "36",
        "standard_unit": "hours", "longest": "14", "longest_unit": "days", "confidential": "no", "quota": "2,5",
        "four_eyes": "yes", "notify": "yes", "sms_sender": "Eksempel", "sms_cost_code": "4711",
        "full_numbers": "yes", "name_tenant": "yes", "notice_channel": "sms_first", "undo_window": "30",
    }  # fmt: skip
    answer = ewa.post(action, sent | typed)
    assert answer.status_code == 303
    assert account(web).rules == RULES
    assert "Endringene er lagret" in main_text(ewa.get(answer.headers["location"]))


def test_all_faults_are_shown_and_everything_typed_is_kept(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "regler")
    typed = {
        "telephone": "ring oss", "email": "post", "hours": "x" * 101, "standard": "snart", "standard_unit": "hours",
        "longest": "91", "longest_unit": "days", "confidential": "no", "undo_window": "lenge", "quota": "mye",
        "four_eyes": "yes", "sms_sender": "1", "sms_cost_code": "4" * 51, "revision": "1",
    }  # fmt: skip
    page = ewa.post(action, typed)
    assert page.status_code == 422
    kept = form(page, action)
    assert {name: kept[name] for name in typed} == typed
    linked = re.findall(r'<li><a class="ds-link" href="#([^"]+)">', page.text)
    faulty = ["telephone", "email", "hours", "standard", "longest", "undo_window", "quota"]
    faulty += ["sms_sender", "sms_cost_code"]
    assert linked == faulty
    for field in faulty:
        assert f'id="{field}"' in page.text
    assert account(web) == web.stage.byggesak


def test_the_same_fault_of_two_rules_is_shown_with_the_name_of_each(web: Web, ewa: Browser) -> None:
    typed = {"standard": "0", "longest": "1000", "revision": "1"}
    page = ewa.post(at(web, web.stage.byggesak.id, "regler"), typed).text
    fault = "Tiden må være minst 1 time og høyst 90 dager."
    assert re.findall(r'<li><a class="ds-link" href="#\w+">([^<]+)', page) == [
        f"Vanlig tid: {fault}",
        f"Lengste tid: {fault}",
    ]
    assert page.count(f'-error">{fault}<') == 2


@pytest.mark.parametrize(
    ("typed", "quota"), [("0,5", 5 * 10**8), ("1 000", 10**12), ("12.25", 12_250_000_000), ("", None)]
)
def test_a_quota_is_typed_as_people_write_numbers(web: Web, ewa: Browser, typed: str, quota: int | None) -> None:
    sent = form(ewa.get(at(web, web.stage.byggesak.id)), at(web, web.stage.byggesak.id, "regler"))
    assert ewa.post(at(web, web.stage.byggesak.id, "regler"), sent | {"quota": typed}).status_code == 303
    assert account(web).rules.quota == quota


@pytest.mark.parametrize("typed", ["1e3", "NaN", "-1", "1,2,3", "٣", "0x10", "1" * 13])
def test_an_invalid_number_is_no_quota(web: Web, ewa: Browser, typed: str) -> None:
    sent = form(ewa.get(at(web, web.stage.byggesak.id)), at(web, web.stage.byggesak.id, "regler"))
    page = ewa.post(at(web, web.stage.byggesak.id, "regler"), sent | {"quota": typed})
    assert page.status_code == 422
    assert "Skriv et antall GB" in main_text(page)


def test_an_account_where_nobody_can_approve_says_so(web: Web, ewa: Browser) -> None:
    change(web, replace(AccountRules(), four_eyes=True))
    assert "Ingen kan godkjenne" in main_text(ewa.get(at(web, web.stage.byggesak.id)))
    web.stage.add(OLA, "Ola Moen", web.stage.byggesak)
    assert "Ingen kan godkjenne" not in main_text(ewa.get(at(web, web.stage.byggesak.id)))


@pytest.mark.parametrize("at_hour", [0, 3, 14])
def test_what_is_proposed_to_the_one_who_shares_can_be_shared(web: Web, at_hour: int) -> None:
    web.stage.clock.advance(hours=at_hour, minutes=7)
    kari, share = web.browser(KARI), web.stage.draft()
    for revision, hours in enumerate([1, 2, 3, 12, 24, 25, 36, 48, 24 * 30], start=1):
        standard, longest = timedelta(hours=hours), timedelta(hours=max(hours, 2))
        change(web, AccountRules(standard=standard, longest=longest, confidential=False), revision)
        proposed = proposed_to(kari, web.stage.byggesak)
        assert proposed["confidential"] is False
        assert proposed["earliest"] < proposed["default_expires_at"] <= proposed["latest"]
        web.stage.clock.advance(minutes=10)
        words = {"account_id": web.stage.byggesak.id, "archived": True, "expires_at": proposed["default_expires_at"]}
        assert kari.call("PUT", f"/del/utkast/{share.id}", words).status_code == 200, hours


def proposed_to(browser: Browser, chosen: Account) -> dict[str, Any]:
    """What the share page knows of the account."""
    found = re.search(r'<script type="application/json" id="settings">(.*?)</script>', browser.get("/del").text)
    assert found
    return next(one for one in json.loads(found[1])["accounts"] if one["id"] == chosen.id)


def conflicting(web: Web, ewa: Browser) -> httpx.Response:
    """Ewa changes quota and telephone from a page that another administrator has overtaken."""
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(ewa.get(at(web, web.stage.byggesak.id)), action)
    change(web, AccountRules(contact=Contact("77 00 00 00"), four_eyes=True))
    return ewa.post(action, sent | {"telephone": "55 00 00 00", "quota": "2,5"})


def test_a_conflict_is_shown_with_both_values_of_each_rule_that_differs(web: Web, ewa: Browser) -> None:
    page = conflicting(web, ewa)
    assert page.status_code == 409
    words = main_text(page)
    assert "Telefon Din: 55 00 00 00 Lagret nå: 77 00 00 00" in words
    assert "Kvote Din: 2,5 GB Lagret nå: Ikke fylt ut" in words
    assert "Godkjenning av en annen bruker Din: Nei Lagret nå: Ja" in words
    assert "E-post" not in words
    assert account(web).rules.contact.telephone == "77 00 00 00"


def test_the_administrator_chooses_rule_by_rule(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(conflicting(web, ewa), action)
    chosen = {"choose-telephone": "mine", "choose-quota": "mine", "choose-four_eyes": "stored"}
    assert ewa.post(action, sent | chosen).status_code == 303
    rules = account(web).rules
    assert rules == AccountRules(contact=Contact("55 00 00 00"), quota=2_500_000_000, four_eyes=True)


def test_nothing_is_saved_until_each_choice_has_an_answer(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(conflicting(web, ewa), action)
    page = ewa.post(action, sent | {"choose-quota": "mine"})
    assert page.status_code == 422
    assert 'href="#choose-telephone-mine"' in page.text
    assert 'id="choose-telephone-mine"' in page.text
    assert form(page, action)["telephone"] == "55 00 00 00"
    assert account(web).revision == 2


def test_a_choice_over_a_third_change_is_asked_for_again(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(conflicting(web, ewa), action)
    change(web, AccountRules(contact=Contact("88 00 00 00")), revision=2)
    chosen = {"choose-telephone": "stored", "choose-quota": "mine", "choose-four_eyes": "stored"}
    page = ewa.post(action, sent | chosen)
    assert page.status_code == 409
    assert "Telefon Din: 55 00 00 00 Lagret nå: 88 00 00 00" in main_text(page)
    assert account(web).rules.contact.telephone == "88 00 00 00"


def test_two_who_rename_at_once_see_both_names(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "navn")
    sent = form(ewa.get(at(web, web.stage.byggesak.id)), action)
    where = {"tenant_id": web.stage.tenant.id, "account_id": web.stage.byggesak.id}
    lifecycle.rename_account(web.stage.deps, **where, name="Plan", revision=1)
    page = ewa.post(action, sent | {"name": "Bygg"})
    assert page.status_code == 409
    assert "Din: Bygg Lagret nå: Plan" in main_text(page)
    unchosen = ewa.post(action, form(page, action))
    assert unchosen.status_code == 422
    kept = ewa.post(action, form(page, action) | {"choose-name": "stored"})
    assert (kept.status_code, account(web).name) == (303, "Plan")
    mine = ewa.post(action, form(page, action) | {"choose-name": "mine"})
    assert (mine.status_code, account(web).name) == (303, "Bygg")


@pytest.mark.parametrize("revision", ["", "0", "x", "-1", "9" * 30, "٣"])
def test_a_form_without_a_revision_overwrites_nothing(web: Web, ewa: Browser, revision: str) -> None:
    page = ewa.post(at(web, web.stage.byggesak.id, "regler"), {"telephone": "55 00 00 00", "revision": revision})
    assert page.status_code == 409
    assert account(web) == web.stage.byggesak


def test_a_form_sent_twice_does_its_work_once(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(ewa.get(at(web, web.stage.byggesak.id)), action) | {"telephone": "55 00 00 00"}
    assert [ewa.post(action, sent).status_code for _ in range(2)] == [303, 303]
    assert account(web).revision == 2


def test_a_taken_name_is_reported_at_its_field(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "navn")
    for name, status in (("AVTALER", 409), ("x", 422)):
        page = ewa.post(action, {"name": name, "revision": "1"})
        assert page.status_code == status
        assert 'href="#name"' in page.text
        assert form(page, action)["name"] == name
    assert ewa.post(action, {"name": "Plan", "revision": "1"}).headers["location"].endswith("?lagret=navn")


def test_an_account_is_closed_and_opened_again(web: Web, ewa: Browser) -> None:
    path = at(web, web.stage.byggesak.id)
    assert "Kontoen er stengt." in main_text(ewa.get(ewa.post(f"{path}/stenging").headers["location"]))
    assert "Stengt tirsdag 24. november" in main_text(ewa.get(path))
    assert "Kontoen er åpen igjen." in main_text(ewa.get(ewa.post(f"{path}/gjenapning").headers["location"]))
    # As from the browser's history.
    assert "Kontoen er stengt." not in main_text(ewa.get(f"{path}?lagret=stengt"))
    assert account(web).is_open


def test_deleting_says_what_goes_with_it_and_wants_the_name(web: Web, ewa: Browser) -> None:
    web.stage.publish(content=b"x" * 1_200_000)
    path = at(web, web.stage.byggesak.id, "sletting")
    page = ewa.get(path)
    assert re.search(r"Brukere 1 Åpne delinger 1 Utkast 0 Dokumenter 1 \(1,2\sMB\)", main_text(page))
    refused = ewa.post(path, {"typed_name": "Byggesaker"})
    assert refused.status_code == 422
    assert 'href="#typed_name"' in refused.text
    assert form(refused, path)["typed_name"] == "Byggesaker"
    assert account(web).deleted_at is None
    assert ewa.post(path, {"typed_name": "byggesak"}).status_code == 303
    assert account(web).deleted_at


def test_a_deleted_account_can_be_restored_until_the_hour_shown(web: Web, ewa: Browser) -> None:
    delete(web)
    path = at(web, web.stage.byggesak.id)
    page = ewa.get(path)
    assert "onsdag 25. november kl. 13.00" in main_text(page)
    assert f'action="{path}/regler"' not in page.text
    listed = ewa.get(at(web))
    assert "Slettet siste 24 timer Byggesak Kan angres til onsdag 25. november kl. 13.00" in main_text(listed)
    assert ewa.get(f"{path}/sletting").headers["location"] == path
    answer = ewa.post(f"{path}/angring")
    assert answer.status_code == 303
    assert "Alt er som før" in main_text(ewa.get(answer.headers["location"]))
    assert account(web).deleted_at is None


def test_after_the_grace_period_a_deleted_account_is_on_no_page(web: Web, ewa: Browser) -> None:
    delete(web)
    web.stage.clock.advance(hours=24)
    ewa.log_in(EWA)
    path = at(web, web.stage.byggesak.id)
    assert ewa.get(path).status_code == 404
    assert "Byggesak" not in re.sub(r"for eksempel Byggesak", "", main_text(ewa.get(at(web))))
    page = ewa.post(f"{path}/angring")
    assert page.status_code == 409
    assert "mer enn 24 timer" in main_text(page)


@pytest.mark.parametrize(
    ("below", "fields"),
    [
        ("navn", {"name": "Plan", "revision": "1"}),
        ("regler", {"telephone": "55 00 00 00", "revision": "1"}),
        ("stenging", {}),
        ("gjenapning", {}),
        ("integrasjoner", {"organization_number": FJELL}),
    ],
)
def test_a_change_of_an_account_that_another_has_just_deleted_is_refused(
    web: Web, ewa: Browser, below: str, fields: dict[str, str]
) -> None:
    delete(web)
    page = ewa.post(at(web, web.stage.byggesak.id, below), fields)
    assert page.status_code == 409
    assert "Kontoen er slettet. Angre slettingen først" in main_text(page)


def test_an_account_that_the_operator_has_stopped_cannot_be_deleted(web: Web, ewa: Browser) -> None:
    freezing.set_account_freeze(web.stage.deps, web.stage.byggesak.id, None, FreezeReason.SECURITY)
    page = ewa.post(at(web, web.stage.byggesak.id, "sletting"), {"typed_name": "Byggesak"})
    assert page.status_code == 409
    assert "Så lenge den er stanset, kan den ikke slettes." in main_text(page)
    assert account(web).deleted_at is None


def test_a_deletion_sent_twice_is_one(web: Web, ewa: Browser) -> None:
    path = at(web, web.stage.byggesak.id, "sletting")
    assert [ewa.post(path, {"typed_name": "Byggesak"}).status_code for _ in range(2)] == [303, 303]


def test_an_organisations_systems_are_let_in_and_out(web: Web, ewa: Browser) -> None:
    path = at(web, web.stage.byggesak.id)
    page = ewa.get(ewa.post(f"{path}/integrasjoner", {"organization_number": "312 824 450"}).headers["location"])
    assert "Systemene til virksomheten kan bruke kontoen nå." in main_text(page)
    assert "FJELL AS" in main_text(page)
    found = re.search(rf'href="({re.escape(path)}/integrasjoner/[^"]+/fjerning)"', page.text)
    assert found
    assert "Ta bort tilgangen til FJELL AS?" in main_text(ewa.get(found[1]))
    assert "FJELL AS" in main_text(ewa.get(path))
    for _ in range(2):
        page = ewa.get(ewa.post(found[1]).headers["location"])
        assert "Tilgangen er tatt bort." in main_text(page)
    assert "FJELL AS" not in main_text(page)
    assert ewa.get(found[1]).status_code == 404


def chosen_rights(page: httpx.Response) -> str:
    found = re.search(r'name="rights" value="(\w+)"[^>]* checked', page.text)
    assert found
    return found[1]


def integration_path(web: Web, ewa: Browser, rights: str = "share") -> str:
    """The page of a system that was just let in."""
    path = at(web, web.stage.byggesak.id)
    ewa.post(f"{path}/integrasjoner", {"organization_number": FJELL, "rights": rights})
    found = re.search(rf'href="({re.escape(path)}/integrasjoner/[^"/]+)"', ewa.get(path).text)
    assert found
    return found[1]


def test_what_a_system_may_do_is_shown_and_changed(web: Web, ewa: Browser) -> None:
    account, path = at(web, web.stage.byggesak.id), integration_path(web, ewa)
    assert "Kan dele" in main_text(ewa.get(account)).split("FJELL AS")[1][:80]
    assert chosen_rights(ewa.get(path)) == "share"
    changed = ewa.post(path, {"rights": "read"}).headers["location"]
    assert "Tilgangen til systemet er endret." in main_text(ewa.get(changed))
    assert chosen_rights(ewa.get(path)) == "read"
    assert "Kan bare lese" in main_text(ewa.get(account)).split("FJELL AS")[1][:80]


def test_a_system_gets_no_more_rights_than_were_chosen_for_it(web: Web, ewa: Browser) -> None:
    path = integration_path(web, ewa, rights="everything")
    assert chosen_rights(ewa.get(path)) == "read"


def revision_in(page: httpx.Response) -> dict[str, str]:
    """What the form for a new password carries."""
    return {"revision": re.findall(r'name="revision" value="([^"]+)"', page.text)[-1]}


def test_a_systems_password_is_shown_once_in_the_answer_that_created_it(web: Web, ewa: Browser) -> None:
    path = integration_path(web, ewa)
    assert "Lag passord" in main_text(ewa.get(path))
    renewed = ewa.post(f"{path}/passord", revision_in(ewa.get(path)))
    assert renewed.status_code == 200
    found = re.search(r'id="password">([^<]+)<', renewed.text)
    assert found
    assert len(found[1]) == 32
    again = ewa.get(path)
    assert found[1] not in again.text
    assert "Lag nytt passord" in main_text(again)
    assert str(uuid.UUID(bytes=base64.urlsafe_b64decode(path.rsplit("/", 1)[-1] + "=="))) in again.text


def test_a_reload_of_the_page_with_a_new_password_makes_no_other_one(web: Web, ewa: Browser) -> None:
    path = integration_path(web, ewa)
    form = revision_in(ewa.get(path))
    renewed = ewa.post(f"{path}/passord", form)
    [password] = re.findall(r'id="password">([^<]+)<', renewed.text)
    again = ewa.post(f"{path}/passord", form)
    assert (again.status_code, 'id="password"' in again.text) == (409, False)
    assert "Det ble ikke laget noe nytt passord" in again.text
    integration_id = path.rsplit("/", 1)[-1]
    assert integrations.holds_password(web.stage.deps, SYSTEM, integration_id, password)
    another = ewa.post(f"{path}/passord", revision_in(again))
    assert 'id="password"' in another.text
    assert not integrations.holds_password(web.stage.deps, SYSTEM, integration_id, password)


def test_when_a_system_last_shared_is_shown(web: Web, ewa: Browser) -> None:
    path = integration_path(web, ewa)
    assert "Sist brukt Ikke ennå" in " ".join(main_text(ewa.get(path)).split())
    drafts.start_draft(web.stage.deps, SYSTEM, account_id=web.stage.byggesak.id)
    assert "Ikke ennå" not in main_text(ewa.get(path))
    assert "Sist brukt" in main_text(ewa.get(at(web, web.stage.byggesak.id)))


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        ("312824451", 422, "Organisasjonsnummeret finnes ikke"),
        (DELETED, 422, "kan ikke få tilgang"),
        ("310240001", 422, "Enhetsregisteret har ingen virksomhet"),
    ],
)
def test_a_refused_organisation_stays_in_its_field(
    web: Web, ewa: Browser, number: str, status: int, words: str
) -> None:
    action = at(web, web.stage.byggesak.id, "integrasjoner")
    page = ewa.post(action, {"organization_number": number})
    assert page.status_code == status
    assert words in main_text(page)
    assert 'href="#organization_number"' in page.text
    assert form(page, action)["organization_number"] == number


def test_a_refused_organisation_leaves_the_confirmation_as_it_was_ticked(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "integrasjoner")
    for ticked in ({"archive_confirmed": "on"}, {}):
        page = ewa.post(action, {"organization_number": "1"} | ticked)
        assert page.status_code == 422
        assert ("archive_confirmed" in form(page, action)) is bool(ticked)


def test_with_the_register_down_the_number_is_kept_to_try_again(web: Web, ewa: Browser) -> None:
    web.stage.register.down = True
    action = at(web, web.stage.byggesak.id, "integrasjoner")
    page = ewa.post(action, {"organization_number": FJELL})
    assert page.status_code == 503
    assert "Vi får ikke svar fra Enhetsregisteret" in main_text(page)
    assert form(page, action)["organization_number"] == FJELL
    web.stage.register.down = False
    assert ewa.post(action, form(page, action)).status_code == 303
    assert ewa.post(action, form(page, action)).status_code == 409


ROUTES: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "", {}),
    ("POST", "navn", {"name": "Tatt", "revision": "1"}),
    ("POST", "regler", {"telephone": "55 00 00 00", "revision": "1"}),
    ("POST", "stenging", {}),
    ("POST", "gjenapning", {}),
    ("GET", "sletting", {}),
    ("POST", "sletting", {"typed_name": "Barnevern"}),
    ("POST", "angring", {}),
    ("POST", "integrasjoner", {"organization_number": FJELL}),
    ("GET", "integrasjoner/x", {}),
    ("POST", "integrasjoner/x", {"rights": "read"}),
    ("POST", "integrasjoner/x/arkiv", {"confirmed": "yes"}),
    ("POST", "integrasjoner/x/passord", {}),
    ("GET", "integrasjoner/x/fjerning", {}),
    ("POST", "integrasjoner/x/fjerning", {}),
]


@pytest.mark.parametrize(("method", "below", "fields"), ROUTES)
def test_an_account_of_another_tenant_looks_like_none_at_all(
    web: Web, ewa: Browser, method: str, below: str, fields: dict[str, str]
) -> None:
    paths = [at(web, account_id, *filter(None, [below])) for account_id in (web.stage.barnevern.id, "nothing")]
    paths.append(f"/konfigurasjon/{web.stage.barnevern.tenant_id}/kontoer/{web.stage.barnevern.id}/{below}".rstrip("/"))
    theirs, none, elsewhere = (_ask(ewa, method, path, fields) for path in paths)
    assert (theirs.status_code, none.status_code, elsewhere.status_code) == (404, 404, 404)
    assert main_text(theirs) == main_text(none) == main_text(elsewhere)
    assert account(web, web.stage.barnevern) == web.stage.barnevern


def _ask(browser: Browser, method: str, path: str, fields: dict[str, str]) -> httpx.Response:
    return browser.get(path) if method == "GET" else browser.post(path, fields)


@pytest.mark.parametrize(("method", "below", "fields"), ROUTES)
def test_members_see_nothing_of_the_configuration(web: Web, method: str, below: str, fields: dict[str, str]) -> None:
    kari = web.browser(KARI)
    path = at(web, web.stage.byggesak.id, *filter(None, [below]))
    assert _ask(kari, method, path, fields).status_code == 404
    assert account(web) == web.stage.byggesak


def test_a_form_of_an_ended_session_loses_nothing(web: Web, ewa: Browser) -> None:
    action = at(web, web.stage.byggesak.id, "regler")
    sent = form(ewa.get(at(web, web.stage.byggesak.id)), action) | {"hours": "mandag–fredag, 9–15", "quota": "2,5"}
    web.stage.clock.advance(minutes=31)
    headers = {"origin": ORIGIN}
    first = ewa.request("POST", action, data=sent, headers=headers)
    assert first.status_code == 401
    ewa.log_in(EWA)
    second = ewa.request("POST", action, data=form(first, action), headers=headers)
    assert second.status_code == 403
    assert account(web) == web.stage.byggesak
    assert ewa.request("POST", action, data=form(second, action), headers=headers).status_code == 303
    rules: Any = account(web).rules
    assert (rules.contact.hours, rules.quota) == ("mandag–fredag, 9–15", 2_500_000_000)
