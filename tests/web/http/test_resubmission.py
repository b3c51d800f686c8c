"""A form whose session has ended: its values are kept, from our own pages only, and sent by a click."""

import logging
import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest

from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from tests.support.browser import EWA, ORIGIN, Browser, Web, serve
from tests.support.stage.stage import KARI, ODD, OLA, SIV

TYPED = {"expires_date": "2026-12-01", "expires_time": '10:15"><script>', "note": "linje 1\r\nlinje 2 æøå 05877914102"}
OWN = {"origin": ORIGIN}
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')
_MAIN = re.compile(r"<main.*</main>", re.DOTALL)
_ACTION = re.compile(r'<form method="post" action="([^"]*)"')


def carried(answer: httpx.Response) -> dict[str, str]:
    """The fields that the page's own form would send."""
    main = _MAIN.search(answer.text)
    return {unescape(name): unescape(value) for name, value in _HIDDEN.findall(main[0])} if main else {}


def action(answer: httpx.Response) -> str:
    main = _MAIN.search(answer.text)
    found = _ACTION.search(main[0]) if main else None
    return unescape(found[1]) if found else ""


def expire(web: Web) -> None:
    web.stage.clock.advance(minutes=31)


@pytest.fixture
def path(web: Web) -> str:
    """Where a form of Kari's goes."""
    return f"/delinger/{web.stage.publish(OLA)}/sluttidspunkt"


def send(browser: Browser, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    return browser.request("POST", path, data=fields, headers=OWN | headers)


def test_input_after_the_session_had_ended_is_in_the_page(web: Web, path: str) -> None:
    kari = web.browser(KARI)
    token = kari.csrf_token()
    expire(web)
    page = send(kari, path, TYPED | {"csrf_token": token})
    assert page.status_code == 401
    assert "Du er logget ut" in page.text
    assert carried(page) == TYPED | {"csrf_token": token}
    assert action(page) == path
    assert 'href="/logg-inn?neste=/logget-inn"' in page.text
    assert "<script>" not in _MAIN.search(page.text)[0]  # type: ignore[index]


def test_after_the_login_it_is_sent_by_one_more_click_and_done_once(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    path = f"/delinger/{share_id}/sluttidspunkt"
    kari = web.browser(KARI)
    typed = {"expires_date": "2026-12-01", "expires_time": "10:15", "csrf_token": kari.csrf_token()}
    expire(web)
    first = send(kari, path, typed)
    still_out = send(kari, path, carried(first))
    assert carried(still_out) == carried(first)
    kari.log_in(KARI)
    second = send(kari, path, carried(still_out))
    assert second.status_code == 403
    assert "Vil du sende det du skrev?" in second.text
    assert "Kari Lunde" in second.text
    assert "1. desember" not in kari.get(f"/delinger/{share_id}").text
    assert carried(second)["csrf_token"] == kari.csrf_token()
    done = send(kari, action(second), carried(second))
    assert (done.status_code, done.headers["location"]) == (303, f"/delinger/{share_id}?lagret=slutt")
    assert "tirsdag 1. desember kl. 10.15" in kari.get(f"/delinger/{share_id}").text


def test_a_form_of_an_earlier_session_asks_before_it_is_sent(web: Web, path: str) -> None:
    kari = web.browser(KARI)
    old = kari.csrf_token()
    kari.log_in(KARI)
    page = send(kari, path, TYPED | {"csrf_token": old})
    assert page.status_code == 403
    assert carried(page) == TYPED | {"csrf_token": kari.csrf_token()}


def test_a_button_without_fields_asks_too_and_without_session_leads_to_the_login(web: Web, path: str) -> None:
    kari = web.browser(KARI)
    withdrawal, old = path.replace("sluttidspunkt", "tilbaketrekking"), kari.csrf_token()
    kari.log_in(KARI)
    page = send(kari, withdrawal, {"csrf_token": old})
    assert carried(page) == {"csrf_token": kari.csrf_token()}
    expire(web)
    answer = send(kari, withdrawal, {"csrf_token": old})
    assert (answer.status_code, answer.headers["location"]) == (303, "/logg-inn")


FORGED = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": f"{ORIGIN}.evil.example"},
    {"origin": "http://del.example"},
    {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_a_form_of_another_site_never_becomes_one_of_ours(web: Web, path: str, headers: dict[str, str]) -> None:
    kari = web.browser(KARI)
    for fields in (TYPED, TYPED | {"csrf_token": "guessed"}):
        logged_in = kari.request("POST", path, data=fields, headers=headers)
        assert logged_in.status_code == 403
        assert not carried(logged_in).keys() & TYPED.keys()
        assert "05877914102" not in logged_in.text
    # Browsers do not send the cookie from another site, which stops most forgeries.
    without = web.browser().request("POST", path, data=TYPED, headers=headers)
    assert (without.status_code, without.headers["location"]) == (303, "/logg-inn")
    assert "05877914102" not in without.text


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_a_valid_token_does_not_help_a_form_of_another_origin(web: Web, path: str, headers: dict[str, str]) -> None:
    kari = web.browser(KARI)
    answer = kari.request("POST", path, data=TYPED | {"csrf_token": kari.csrf_token()}, headers=headers)
    elsewhere = headers.get("origin") is not None
    assert (answer.status_code == 403) is elsewhere


def test_a_browser_that_leaves_the_origin_out_is_believed_when_it_says_same_origin(web: Web, path: str) -> None:
    answer = web.browser().request("POST", path, data=TYPED, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 401
    assert carried(answer) == TYPED | {"csrf_token": ""}


def test_a_stranger_to_the_page_gets_the_usual_answer(web: Web) -> None:
    path = f"/konfigurasjon/{web.stage.tenant.id}/kontoer"
    siv = web.browser(SIV)
    answer = send(siv, path, TYPED | {"csrf_token": "of before"})
    assert answer.status_code in {404, 405}
    assert "05877914102" not in answer.text


def test_what_one_person_wrote_or_confirmed_is_neither_shown_to_nor_sent_by_the_next_in_the_browser(
    web: Web, path: str
) -> None:
    kari = web.browser(KARI)
    typed = TYPED | {"csrf_token": kari.csrf_token()}
    expire(web)
    first = send(kari, path, typed)
    kari.log_in(ODD)
    for form in (carried(first), typed, TYPED, TYPED | {"csrf_token": "."}):
        answer = send(kari, path, form)
        assert answer.status_code == 403
        assert "Siden var for gammel" in answer.text
        assert not carried(answer)
        assert "05877914102" not in answer.text
    kari.log_in(KARI)
    assert carried(send(kari, path, carried(first))) == TYPED | {"csrf_token": kari.csrf_token()}


def test_calls_of_scripts_answer_as_before(web: Web) -> None:
    kari = web.browser(KARI)
    refused = kari.request("POST", "/del/utkast", json={"account_id": "x"}, headers=OWN)
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/json"
    expire(web)
    assert kari.request("POST", "/del/utkast", json={"account_id": "x"}, headers=OWN).status_code == 401


def test_the_input_is_in_no_log_address_or_header(web: Web, path: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    kari = web.browser(KARI)
    expire(web)
    answer = send(kari, path, TYPED)
    log = "\n".join(r.getMessage() for r in caplog.records)
    assert "05877914102" in answer.text
    assert "05877914102" not in log + str(answer.url) + str(answer.headers)
    assert answer.headers["cache-control"] == "no-store"


def test_more_than_a_form_may_hold_is_not_carried(web: Web, path: str) -> None:
    assert send(web.browser(), path, {"note": "x" * 300_000}).status_code == 413


TAKES = 1000


def _handler(call: RequestContext) -> httpx.Response:
    sent = {name: len(file.content) for name, file in call.files.items()}
    return call.page("http/error.html", error=None, message=f"{dict(call.fields)} {sent}")  # type: ignore[return-value]


@pytest.fixture
def filing(web: Web) -> Web:
    """The application with one more route, which takes a file."""
    route = Endpoint("/fil", _handler, RequiredRole.PERSON, ("POST",), ErrorFormat.PAGE, takes_file=TAKES)  # type: ignore[arg-type]
    return serve(web.stage, (route,))


def send_file(browser: Browser, length: int, token: str = "of before", **headers: str) -> httpx.Response:
    fields, files = {"by": "Kari", "csrf_token": token}, {"f": ("vurdering.pdf", b"a" * length)}
    return browser.request("POST", "/fil", data=fields, files=files, headers=headers)


@pytest.mark.parametrize("length", [10, 5000])
def test_of_a_form_with_a_file_the_words_are_kept_and_the_file_is_asked_for_again(filing: Web, length: int) -> None:
    page = send_file(filing.browser(), length, **OWN)
    assert page.status_code == 401
    assert carried(page) == {"by": "Kari", "csrf_token": "of before"}
    assert "Filen du valgte, er ikke tatt vare på" in page.text
    assert "aaaaaaaaaa" not in page.text
    ewa = filing.browser(EWA)
    old = ewa.csrf_token()
    ewa.log_in(EWA)
    stale = send_file(ewa, length, old, **OWN)
    assert stale.status_code == 403
    assert carried(stale)["by"] == "Kari"
    filing.close()


def test_a_forged_form_with_a_file_is_not_even_read(filing: Web) -> None:
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(b"--b--\r\n")
        yield read[-1]

    headers = {"content-type": "multipart/form-data; boundary=b", "origin": "https://evil.example"}
    answer = filing.browser().request("POST", "/fil", content=body(), headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/logg-inn")
    assert read == []
    # The same body is read if our own page sent it.
    filing.browser().request("POST", "/fil", content=body(), headers=headers | OWN)
    assert read
    filing.close()
