"""Acts that need a fresh login: nothing happens before it, nothing typed is lost, and one click more does it."""

import re
from collections import defaultdict
from datetime import timedelta
from html import unescape

import httpx
import pytest

from deldokument.domain.audit import NO_TENANT, EventKind
from deldokument.services.tenants.operators import add_operator
from deldokument.web.app import ENDPOINTS
from deldokument.web.http.request import Endpoint, RequiredRole
from tests.docs.documents import ROOT
from tests.support.browser import EWA, ORIGIN, Browser, Web
from tests.support.stage.stage import KARI, OLA, SIV
from tests.support.stored_data import contents

ACTS = [endpoint for endpoint in ENDPOINTS if endpoint.needs_fresh_login]
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_FORM = re.compile(r'<form id="confirm" method="post" action="([^"]+)">(.*?)</form>', re.S)


def old_login(web: Web, number: str) -> Browser:
    """A browser whose person used the electronic ID more than 15 minutes ago."""
    browser = web.browser(number)
    web.stage.clock.advance(minutes=15, seconds=1)
    return browser


def an_operator(web: Web) -> Browser:
    add_operator(web.stage.deps, number=SIV, name="Siv Holm")
    return old_login(web, SIV)


def paths(web: Web) -> dict[str, str]:
    known = {"tenant_id": web.stage.tenant.id, "account_id": web.stage.byggesak.id}
    return defaultdict(lambda: "AAAAAAAAAAAAAAAAAAAAAA", known)


def administrators(web: Web) -> str:
    return f"/konfigurasjon/{web.stage.tenant.id}/administratorer"


def confirm(browser: Browser) -> httpx.Response:
    """Press «Bekreft» on the page that waits."""
    found = _FORM.search(browser.get("/bekreftelse").text)
    assert found
    fields = {name: unescape(value) for name, value in _HIDDEN.findall(found[2])}
    return browser.request("POST", unescape(found[1]), data=fields, headers={"Origin": ORIGIN})


def log_in_again(web: Web, browser: Browser, number: str) -> None:
    """Follow the link of the page."""
    page = browser.get("/bekreftelse").text
    assert "/logg-inn?ny=1&amp;neste=/bekreftelse" in page.replace("&neste", "&amp;neste")
    assert not _FORM.search(page)
    browser.get("/logg-inn", params={"ny": "1", "neste": "/bekreftelse"})
    assert web.stage.login.asked_fresh
    web.stage.login.person = number
    answer = browser.get("/logg-inn/svar", params={"code": "code", "state": f"state-{web.stage.login.begun}"})
    assert answer.headers["location"] == "/bekreftelse"


@pytest.mark.parametrize("endpoint", ACTS, ids=[endpoint.path for endpoint in ACTS])
def test_an_act_changes_nothing_without_a_fresh_login(web: Web, endpoint: Endpoint) -> None:
    browser = an_operator(web) if endpoint.who is RequiredRole.OPERATOR else old_login(web, EWA)
    path = endpoint.path.format_map(paths(web))
    browser.csrf_token()
    before = contents(web.stage)
    answer = browser.post(path, {"name": "Kari", "number": OLA, "typed_name": web.stage.tenant.name})
    assert (answer.status_code, answer.headers["location"]) == (303, "/bekreftelse")
    changed = set(contents(web.stage)) - set(before)
    assert all(line.startswith('INSERT INTO "session"') for line in changed)


def test_the_acts_are_those_of_operators_and_administrators_and_all_are_documented() -> None:
    assert {endpoint.who for endpoint in ACTS} == {RequiredRole.OPERATOR, RequiredRole.ADMINISTRATOR}
    assert all(endpoint.methods == ("POST",) and not endpoint.takes_file for endpoint in ACTS)
    page = (ROOT / "docs" / "administering.md").read_text("utf-8")
    section = page.split("## Acts that need a fresh login")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(/\S+)` \|", section, re.M)) == {endpoint.path for endpoint in ACTS}


def test_an_administrator_is_added_after_a_fresh_login_with_what_was_typed(web: Web) -> None:
    browser = old_login(web, EWA)
    browser.post(administrators(web), {"number": OLA, "name": "Ola «O» <Nordmann>"})
    page = browser.get("/bekreftelse").text
    assert "Logg inn på nytt for å gå videre" in page
    for words in ("Legg til en administrator", OLA, "Ola «O» &lt;Nordmann&gt;"):
        assert words in page
    log_in_again(web, browser, EWA)
    assert "Vil du gjennomføre dette?" in browser.get("/bekreftelse").text
    assert confirm(browser).headers["location"] == f"{administrators(web)}?lagt-til=1"
    assert "Ola «O» &lt;Nordmann&gt;" in browser.get(administrators(web)).text
    assert browser.get("/bekreftelse").headers["location"] == "/"


def test_a_fresh_login_is_not_asked_for_twice(web: Web) -> None:
    browser = web.browser(EWA)
    web.stage.clock.advance(minutes=14)
    answer = browser.post(administrators(web), {"number": OLA, "name": "Ola Nordmann"})
    assert answer.headers["location"] == f"{administrators(web)}?lagt-til=1"


def test_a_login_that_the_provider_remembered_is_not_enough(web: Web) -> None:
    browser = old_login(web, EWA)
    browser.post(administrators(web), {"number": OLA, "name": "Ola Nordmann"})
    web.stage.login.age = timedelta(minutes=16)
    log_in_again(web, browser, EWA)
    assert "Logg inn på nytt for å gå videre" in browser.get("/bekreftelse").text


def test_another_person_who_logs_in_sees_and_sends_nothing_of_it(web: Web) -> None:
    browser = old_login(web, EWA)
    browser.post(administrators(web), {"number": OLA, "name": "Ola Nordmann"})
    log_in_again(web, browser, KARI)
    assert browser.get("/bekreftelse").headers["location"] == "/"


def test_a_form_that_is_cancelled_is_gone_and_leads_back_to_its_page(web: Web) -> None:
    browser = old_login(web, EWA)
    page = f"{administrators(web)}?fra=her"
    browser.post(administrators(web), {"number": OLA, "name": "Ola"}, headers={"Referer": f"{ORIGIN}{page}"})
    answer = browser.post("/bekreftelse/avbrudd")
    assert answer.headers["location"] == page
    assert browser.get("/bekreftelse").headers["location"] == "/"
    assert browser.post("/bekreftelse/avbrudd").headers["location"] == "/"


def test_a_form_with_a_fault_shows_it_on_its_page_after_the_confirmation(web: Web) -> None:
    browser = old_login(web, EWA)
    browser.post(administrators(web), {"number": "123", "name": "Ola Nordmann"})
    log_in_again(web, browser, EWA)
    answer = confirm(browser)
    assert answer.status_code == 422
    assert 'value="Ola Nordmann"' in answer.text


def test_an_operator_stops_an_organisation_after_a_fresh_login(web: Web) -> None:
    browser = an_operator(web)
    stop = {"deed": "freeze", "reason": "security", "about": "Eksempel kommune"}
    browser.post(f"/drift/kunder/{web.stage.tenant.id}/stans", stop)
    page = browser.get("/bekreftelse").text
    for words in ("Eksempel kommune", "Stanse", "Mistanke om sikkerhetsbrudd"):
        assert words in page
    log_in_again(web, browser, SIV)
    assert confirm(browser).headers["location"] == f"/drift/kunder/{web.stage.tenant.id}?lagret=stans"
    with web.stage.deps.database.read() as tx:
        tenant = tx.tenants.get(web.stage.tenant.id)
        kinds = [event.kind for _, event in tx.audit.events()]
    assert tenant
    assert tenant.frozen_at
    assert EventKind.TENANT_FROZEN in kinds


def test_an_operator_and_an_administrator_wait_while_the_database_is_behind(web: Web) -> None:
    operator, administrator = an_operator(web), web.browser(EWA)
    pages = (operator, "/drift"), (administrator, f"/konfigurasjon/{web.stage.tenant.id}")
    assert [browser.get(path).status_code for browser, path in pages] == [200, 200]
    web.stage.deps.behind.note({NO_TENANT, web.stage.tenant.id})
    answers = [browser.get(path) for browser, path in pages]
    web.stage.deps.behind.note(())
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all("gjenopprettet fra en sikkerhetskopi" in answer.text for answer in answers)


def test_lifting_a_stop_shows_no_reason(web: Web) -> None:
    browser = an_operator(web)
    browser.post("/drift/delinger", {"deed": "thaw", "reason": "security", "share": "en-lenke"})
    page = browser.get("/bekreftelse").text
    assert "Oppheve stansen" in page
    assert "en-lenke" in page
    assert "Mistanke om sikkerhetsbrudd" not in page


def test_an_unknown_code_is_shown_as_it_is(web: Web) -> None:
    browser = an_operator(web)
    browser.post("/drift/tekster", {"kind": "ukjent", "version": "9.9"})
    assert "ukjent" in browser.get("/bekreftelse").text


def test_members_share_and_withdraw_without_another_login(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    browser = old_login(web, KARI)
    assert browser.post(f"/delinger/{share_id}/tilbaketrekking").headers["location"] != "/bekreftelse"
    with web.stage.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share
    assert share.closed_at
