"""«Hendelseslogg»: what administrators see, find and take out, and that no number of a person stands in an address."""

import csv
import io
import json
import re
from html import unescape
from urllib.parse import urlsplit

import httpx
import pytest

from deldokument.adapters.documents.signing import verify_signature
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.services.audit import verification
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads import offers
from tests.support.browser import EWA, Browser, Web
from tests.support.stage.stage import KARI, OLA, SIV, VIGDIS, person

_TOKEN = re.compile(r'name="search" value="([^"]+)"')
_EARLIER = re.compile(r'href="([^"]+\?sok=[^"]+)"[^>]*><span class="icon icon-arrow-right"')


@pytest.fixture
def ewa(web: Web) -> Browser:
    return web.browser(EWA)


@pytest.fixture
def path(web: Web) -> str:
    return f"/konfigurasjon/{web.stage.tenant.id}/hendelseslogg"


def happen(web: Web, count: int = 1, number: str = KARI) -> None:
    with web.stage.deps.database.write() as tx:
        for _ in range(count):
            tenant_id, who = web.stage.tenant.id, person(number)
            record_event(web.stage.deps, tx, EventKind.ACCOUNT_CLOSED, tenant_id=tenant_id, person=who)


def found(browser: Browser, path: str, **words: str) -> httpx.Response:
    answer = browser.post(path, words)
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"])


def logged(web: Web, kind: EventKind) -> list[AuditEvent]:
    return [event for _, event in web.stage.trail() if event.kind is kind]


def test_the_log_shows_in_words_each_event_with_person_and_time(web: Web, ewa: Browser, path: str) -> None:
    share_id = web.stage.publish(OLA, title="Vedtak <b>")
    offers.open_share(web.stage.deps, person(OLA), share_id)
    page = ewa.get(path)
    assert page.status_code == 200
    text = unescape(page.text)
    for words in (
        "Hendelsesloggen ble åpnet", "Ewa Kowalska", "Dokumentene ble delt", "Kari Lunde", f"{KARI[:6]} *****",
        "En mottaker åpnet delingen", f"{OLA[:6]} *****", "«Vedtak <b>»", "24. november 2026", "kl. 13.00.00",
        "Rettighet: oppgitt som mottaker", "Resultat: ikke kontrollert for virus", "Konto: Byggesak", "Tjenesten",
    ):  # fmt: skip
        assert words in text, words
    assert "Vedtak <b>" not in page.text
    for number in (KARI, OLA, EWA):
        assert number not in page.text


def test_opening_and_searching_are_recorded_and_turning_the_page_is_not_once_more(
    web: Web, ewa: Browser, path: str
) -> None:
    happen(web, 60)
    page = ewa.get(path)
    earlier = _EARLIER.search(page.text)
    assert earlier
    older = ewa.get(unescape(earlier[1]))
    assert "Tidligere hendelser" in older.text
    assert "Virksomheten ble registrert" in older.text
    found(ewa, path, kind="account_closed", number=KARI)
    assert [event.details for event in logged(web, EventKind.EVENT_LOG_OPENED)] == [
        {"filters": "none"},
        {"filters": "kind,person"},
    ]


def test_no_number_is_ever_in_an_address_and_the_page_of_a_search_can_be_loaded_again(
    web: Web, ewa: Browser, path: str
) -> None:
    happen(web, 60)
    answer = ewa.post(path, {"number": KARI})
    address = answer.headers["location"]
    page = ewa.get(address)
    earlier = _EARLIER.search(page.text)
    assert earlier
    for seen in (address, earlier[1], page.text):
        assert KARI not in seen
    assert ewa.get(address).text.count("Kari Lunde") == page.text.count("Kari Lunde") > 50
    assert "Kari Lunde" in ewa.get(unescape(earlier[1])).text


def test_a_person_stays_looked_for_while_the_box_is_ticked(web: Web, ewa: Browser, path: str) -> None:
    happen(web)
    happen(web, number=SIV)
    page = found(ewa, path, number=KARI)
    token = _TOKEN.search(page.text)
    assert token
    assert "Bare det Kari Lunde" in page.text
    kept = found(ewa, path, kind="account_closed", search=token[1], keep_person="on")
    assert (f"{SIV[:6]} *****" in kept.text, f"{KARI[:6]} *****" in kept.text) == (False, True)
    dropped = found(ewa, path, kind="account_closed", search=token[1])
    assert f"{SIV[:6]} *****" in dropped.text


def test_a_search_for_a_person_without_events_says_so(ewa: Browser, path: str) -> None:
    page = found(ewa, path, number=SIV)
    assert "Ingen med dette nummeret har gjort noe her" in page.text
    assert "Ingen hendelser passer" in page.text


def test_the_form_of_a_search_says_what_was_looked_for(web: Web, ewa: Browser, path: str) -> None:
    share_id = web.stage.publish(OLA)
    link = f"https://del.example/d/{share_id}"
    page = found(ewa, path, first_day="2026-11-24", last_day="2026-11-24", kind="share_published", share=link)
    for part in (
        'name="first_day" type="date" value="2026-11-24"', 'name="last_day" type="date" value="2026-11-24"',
        '<option value="share_published" selected>', f'value="{share_id}"', "Dette fant vi", "Dokumentene ble delt",
    ):  # fmt: skip
        assert part in page.text, part
    assert "Hendelsesloggen ble åpnet</span>" not in page.text


def test_faults_are_shown_at_each_field_and_nothing_typed_is_lost(web: Web, ewa: Browser, path: str) -> None:
    typed = {"first_day": "i går", "last_day": "2026-11-01", "kind": "share_opened", "share": "tull", "number": "123"}
    page = ewa.post(path, typed)
    assert page.status_code == 422
    assert "<title>Feil:" in page.text
    for value in ("i går", "2026-11-01", "tull", "123"):
        assert f'value="{value}"' in page.text
    assert '<option value="share_opened" selected>' in page.text
    for field in ("first_day", "share", "number"):
        assert f'href="#{field}"' in page.text
    assert "<table" not in page.text
    assert logged(web, EventKind.EVENT_LOG_OPENED) == []


@pytest.mark.parametrize("token", ["AAAA", "x" * 300, "%C3%A6"])
def test_a_search_that_is_too_old_asks_for_another(web: Web, ewa: Browser, path: str, token: str) -> None:
    for answer in (ewa.get(f"{path}?sok={token}"), ewa.post(f"{path}/eksport", {"search": token, "form": "csv"})):
        assert answer.status_code == 422
        assert "Søket er for gammelt" in answer.text
    assert logged(web, EventKind.EVENT_LOG_EXPORTED) == []


def test_the_log_of_another_tenant_and_anothers_search_look_like_none(web: Web, ewa: Browser, path: str) -> None:
    address = ewa.post(path, {"number": KARI}).headers["location"]
    for number in (KARI, VIGDIS, OLA):
        other = web.browser(number)
        for asked in (path, address):
            assert other.get(asked).status_code == 404
        for posted in (path, f"{path}/eksport"):
            assert other.post(posted, {"form": "csv"}).status_code == 404
    assert web.browser().get(path).status_code == 303


def test_nothing_is_taken_out_without_the_token_of_the_session(ewa: Browser, path: str) -> None:
    assert ewa.request("POST", f"{path}/eksport", data={"form": "csv"}).status_code == 403
    assert ewa.get(f"{path}/eksport").status_code == 405


def exported(browser: Browser, path: str, form: str, search: str = "") -> httpx.Response:
    answer = browser.post(f"{path}/eksport", {"form": form, "search": search})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["cache-control"] == "no-store"
    assert "sandbox" in answer.headers["content-security-policy"]
    return answer


def test_the_json_export_verifies_offline_and_is_recorded(web: Web, ewa: Browser, path: str) -> None:
    happen(web, 600)
    answer = exported(ewa, path, "json")
    assert answer.headers["content-type"] == "application/jsonl"
    assert 'filename="hendelseslogg-310240001-2026-11-24.jsonl"' in answer.headers["content-disposition"]
    result = verification.verify_export(answer.content.splitlines(), certificates=(), is_signed=verify_signature)
    assert (result.fault, result.is_whole, result.events > 600) == (None, True, True)
    [event] = logged(web, EventKind.EVENT_LOG_EXPORTED)
    assert event.details == {"filters": "none", "format": "json"}
    assert KARI not in answer.text


def test_the_found_events_are_exported(web: Web, ewa: Browser, path: str) -> None:
    happen(web)
    happen(web, number=SIV)
    token = urlsplit(ewa.post(path, {"number": KARI, "kind": "account_closed"}).headers["location"]).query[4:]
    lines = [json.loads(line) for line in exported(ewa, path, "json", token).text.splitlines()]
    assert [line["kind"] for line in lines if line["type"] == "event"] == ["account_closed"]
    rows = list(csv.reader(io.StringIO(exported(ewa, path, "csv", token).text.lstrip("\ufeff")), delimiter=";"))
    assert [row[3] for row in rows[1:]] == ["account_closed"]
    assert {event.details["filters"] for event in logged(web, EventKind.EVENT_LOG_EXPORTED) if event.details} == {
        "kind,person"
    }


def test_the_csv_says_it_in_words_and_no_text_becomes_a_formula(web: Web, ewa: Browser, path: str) -> None:
    web.stage.add("30857614883", "=HYPERLINK(1)", web.stage.byggesak)
    happen(web, number="30857614883")
    answer = exported(ewa, path, "csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff")), delimiter=";"))
    assert rows[0][:6] == ["Nummer", "Tidspunkt", "UTC", "Kode", "Hendelse", "Av"]
    by_code = {row[3]: row for row in rows[1:]}
    closed = by_code["account_closed"]
    assert closed[1:7] == [
        "2026-11-24 13:00:00", "2026-11-24T12:00:00.000000+00:00", "account_closed", "En konto ble stengt",
        "'=HYPERLINK(1)", "308576 *****",
    ]  # fmt: skip
    assert by_code["tenant_created"][5] == "Driftsoperatøren"
    assert json.loads(by_code["member_added"][9]).keys() == {"account", "member"}
    numbers = [int(row[0]) for row in rows[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [row[10] for row in rows[2:]] == [row[11] for row in rows[1:-1]]


def test_a_tenant_that_has_ended_still_has_its_log(web: Web, ewa: Browser, path: str) -> None:
    web.stage.change_tenant(ended_at=web.stage.clock.now())
    assert ewa.get(path).status_code == 200
    assert found(ewa, path, kind="tenant_created").status_code == 200
    exported(ewa, path, "json")


def test_the_log_is_shown_in_nynorsk_and_english_too(ewa: Browser, path: str) -> None:
    for language, words in (("nn", "Hendingsloggen vart opna"), ("en", "The event log was opened")):
        ewa.http.cookies.set("spraak", language)
        page = ewa.get(path).text
        assert words in page
        assert ("13:00:00" if language == "en" else "kl. 13.00.00") in page
