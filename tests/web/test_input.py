"""What people and programs send: too much, unreadable, words that look like code, numbers that nobody may see."""

import html
import logging
import re
import time
from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest

from tests.support.browser import EWA, Browser, Web
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, LISE, ODD, OLA, PER, SIV, VIGDIS
from tests.support.stored_data import contents

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
UNKNOWN = "AAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize("kind", [FORM, JSON, "text/plain", "multipart/form-data; boundary=x", ""])
@pytest.mark.parametrize("person_number", [None, KARI])
def test_a_body_over_a_quarter_megabyte_is_refused(web: Web, kind: str, person_number: str | None) -> None:
    refused = {413} if person_number else {303, 401}
    browser, before = web.browser(person_number), contents(web.stage)
    for path in ("/del/utkast", "/logg-ut"):
        answer = browser.request("POST", path, content=b" " * (257 * 1024), headers={"Content-Type": kind})
        assert answer.status_code in refused
    assert contents(web.stage) == before


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (JSON, b"[" * 100_000), (JSON, b'{"a":' * 40_000), (JSON, b"{" + b'"a":' * 10), (JSON, b"\xff\xfe"),
        (JSON, b'{"text":"\\ud800"}'), (JSON, b'{"length":' + b"9" * 5000 + b"}"), (JSON, b"[]"), (JSON, b'"x"'),
        (FORM, b"&".join(b"a%d=1" % n for n in range(1001))), (FORM, b"a=1&" * 60_000), (FORM, b"a=\xff"),
    ],
    ids=lambda value: repr(value[:12]),
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_at_once(web: Web, kind: str, content: bytes) -> None:
    browser = web.browser(KARI)
    headers = {"Content-Type": kind, "X-CSRF-Token": browser.csrf_token()}
    started = time.perf_counter()
    answer = browser.request("POST", "/del/utkast", content=content, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["code"] == "body_malformed"
    assert time.perf_counter() - started < 1.0


def test_a_hundred_thousand_fields_in_a_form_or_query_are_refused_or_ignored_at_once(web: Web) -> None:
    browser = web.browser(KARI)
    started = time.perf_counter()
    many = "&".join(f"a{n}=" for n in range(100_000))
    assert browser.request("POST", "/logg-ut", content=many, headers={"Content-Type": FORM}).status_code in {413, 422}
    assert browser.get("/delinger?" + many[:50_000]).status_code == 200
    assert time.perf_counter() - started < 2.0


HOSTILE = [
    "{{7*7}}", "${7*7}", "<%= 7*7 %>", "{% raw %}", "#{7*7}", "%(tenant)s", "%s%n", "{0.__class__}",
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' OR 1=1 --", "'; DROP TABLE shares; --",
    "</textarea></title></script>", "javascript:alert(1)", "=cmd|' /C calc'!A0", "a%00b", "../../etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("words", HOSTILE)
def test_what_people_write_is_shown_as_they_wrote_it_and_does_nothing(web: Web, words: str) -> None:
    draft = web.stage.draft().id
    kari = web.browser(KARI)
    body = {
        "account_id": web.stage.byggesak.id, "title": words, "message": words, "reference": words, "archived": True,
        "expires_at": "2026-12-04T15:30",
    }  # fmt: skip
    saved = kari.call("PUT", f"/del/utkast/{draft}", body).json()["draft"]
    assert [saved[name] for name in ("title", "message", "reference")] == [words] * 3
    added = kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": OLA}).json()["draft"]["recipients"][0]
    change = {"label": words, "confirmed": True}
    changed = kari.call("PUT", f"/del/utkast/{draft}/mottakere/{added['id']}", change).json()["draft"]["recipients"][0]
    assert changed["label"] == words
    web.stage.upload(draft, f"n {words}".replace("/", "-").replace("\\", "-"), b"innhold")
    pages = [kari.get(f"/del?utkast={draft}")]
    assert kari.call("POST", f"/del/utkast/{draft}/publisering").status_code == 200
    inspect_documents(web.stage.deps)
    ola = web.browser(OLA)
    pages += [kari.get("/delinger"), kari.get(f"/delinger/{draft}"), kari.get(f"/delinger/{draft}/delt")]
    pages += [kari.get("/delinger", params={"saksnummer": words}), ola.get(f"/d/{draft}"), ola.get("/mine")]
    for page in pages:
        assert page.status_code == 200
        assert not re.search(r"<script>alert|<img src=x|</textarea></title>|onerror=alert\(1\)>", page.text)
    assert words in html.unescape(pages[5].text)
    [document_id] = web.stage.document_ids(draft)
    header = ola.get(f"/d/{draft}/dokument/{document_id}").headers["content-disposition"]
    assert header.isascii()
    assert header.count('"') == 2


@pytest.mark.parametrize("mark", ["\u200c", "\u200d", "\u00ad", "\u00a0"])
def test_invisible_characters_that_writing_needs_stay(web: Web, mark: str) -> None:
    draft, kari = web.stage.draft().id, web.browser(KARI)
    body = {"account_id": web.stage.byggesak.id, "title": f"می{mark}خواهم", "expires_at": "2026-12-04T15:30"}
    assert kari.call("PUT", f"/del/utkast/{draft}", body | {"archived": True}).status_code == 200
    web.stage.add_recipients(draft, OLA)
    web.stage.upload(draft, f"خواهم{mark}می.pdf", b"innhold")
    assert kari.call("POST", f"/del/utkast/{draft}/publisering").status_code == 200
    inspect_documents(web.stage.deps)
    ola = web.browser(OLA)
    page = html.unescape(ola.get(f"/d/{draft}").text)
    assert f"می{mark}خواهم" in page
    assert f"خواهم{mark}می.pdf" in page
    [document_id] = web.stage.document_ids(draft)
    header = ola.get(f"/d/{draft}/dokument/{document_id}").headers["content-disposition"]
    assert unquote(header.partition("UTF-8''")[2]) == f"خواهم{mark}می.pdf"


@pytest.mark.parametrize(
    ("field", "words"), [("title", "\u200b"), ("title", "\ufeff"), ("message", "\u200d"), ("reference", "\u3164")]
)
def test_texts_without_visible_characters_are_refused(web: Web, field: str, words: str) -> None:
    kari, draft = web.browser(KARI), web.stage.draft().id
    answer = kari.call("PUT", f"/del/utkast/{draft}", {"account_id": web.stage.byggesak.id, field: words})
    assert answer.status_code == 422
    assert [one["message"] for one in answer.json()["errors"]] == ["Teksten har bare tegn som ikke synes."]


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200b", "\u200e", "\ufeff", "\u2060"])
def test_marks_that_make_a_name_look_like_another_are_shown_as_a_box(web: Web, mark: str) -> None:
    name = f"faktura{mark}fdp.exe"
    draft = web.stage.draft().id
    kari = web.browser(KARI)
    body = {
        "account_id": web.stage.byggesak.id, "title": f"Vedtak{mark}", "reference": f"24/1{mark}", "archived": True,
        "expires_at": "2026-12-04T15:30",
    }  # fmt: skip
    assert kari.call("PUT", f"/del/utkast/{draft}", body).status_code == 200
    web.stage.add_recipients(draft, OLA)
    with web.stage.deps.database.read() as tx:
        [recipient] = tx.shares.recipients([draft])
    kari.call("PUT", f"/del/utkast/{draft}/mottakere/{recipient.id}", {"label": f"søker{mark}"})
    web.stage.upload(draft, name, b"innhold")
    assert kari.call("POST", f"/del/utkast/{draft}/publisering").status_code == 200
    inspect_documents(web.stage.deps)
    ola = web.browser(OLA)
    pages = {
        path: browser.get(path).text
        for browser, path in [
            (ola, f"/d/{draft}"), (ola, "/mine"), (kari, "/delinger"), (kari, f"/delinger/{draft}"),
            (kari, f"/delinger/{draft}/delt"),
        ]
    }  # fmt: skip
    assert {path: text.count(mark) for path, text in pages.items() if mark in text} == {}
    assert "faktura□fdp.exe" in pages[f"/d/{draft}"]
    [document_id] = web.stage.document_ids(draft)
    assert mark not in ola.get(f"/d/{draft}/dokument/{document_id}").headers["content-disposition"]


CAST = (KARI, ODD, VIGDIS, OLA, SIV, PER, LISE, EWA)
_LINK = re.compile(r'(?:href|action|src)="([^"]+)"')


def crawl(browser: Browser, *starts: str) -> Iterator[httpx.Response]:
    """Every page that can be reached by links on this site from ``starts``."""
    todo, seen = list(starts), set()
    while todo:
        path = todo.pop()
        if path in seen or not path.startswith("/") or path.startswith(("/sprak", "/logg-inn", "/static")):
            continue
        seen.add(path)
        answer = browser.get(path)
        yield answer
        if "location" in answer.headers:
            todo.append(answer.headers["location"])
        if answer.headers.get("content-type", "").startswith("text/html"):
            todo += _LINK.findall(answer.text)


def test_no_persons_number_is_in_any_page_address_header_or_log_line(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = whole_walk(web)
    logged = "\n".join(r.getMessage() + repr(r.exc_info) for r in caplog.records if not r.name.startswith("httpx"))
    for answer in answers:
        whole = f"{answer.url}\n{answer.headers.multi_items()}\n{answer.text}"
        found = [number for number in CAST if number in whole or f"{number[:6]} {number[6:]}" in whole]
        assert not found, answer.url
    assert not [number for number in CAST if number in logged]
    assert len(answers) > 40


def whole_walk(web: Web) -> list[httpx.Response]:
    """From login to withdrawal, as everybody, following every link; without the one answer to typing the numbers."""
    kari = web.browser(KARI)
    account = {"account_id": web.stage.byggesak.id}
    draft = kari.call("POST", "/del/utkast", account).json()["draft"]["id"]
    typed = kari.call("POST", f"/del/utkast/{draft}/mottakere", {"text": f"{OLA}; 058779 14102\n{FJELL} 12345678901"})
    assert len(typed.json()["draft"]["recipients"]) == 3
    words = account | {"title": "Vedtak", "archived": True, "expires_at": "2026-12-04T15:30"}
    answers = [kari.call("PUT", f"/del/utkast/{draft}", words)]
    for recipient in typed.json()["draft"]["recipients"]:
        answers.append(kari.call("PUT", f"/del/utkast/{draft}/mottakere/{recipient['id']}", {"confirmed": True}))
    web.stage.upload(draft, "vedtak.pdf", b"innhold")
    answers.append(kari.call("POST", f"/del/utkast/{draft}/publisering"))
    inspect_documents(web.stage.deps)
    answers += crawl(kari, "/", f"/delinger/{draft}/delt")
    for number in (OLA, PER, LISE, SIV, ODD, VIGDIS, EWA):
        answers += crawl(web.browser(number), "/", f"/d/{draft}", f"/delinger/{draft}", f"/d/{UNKNOWN}")
    answers.append(kari.post(f"/delinger/{draft}/tilbaketrekking"))
    answers += crawl(kari, f"/delinger/{draft}", "/delinger")
    answers += crawl(web.browser(OLA), f"/d/{draft}")
    answers += crawl(web.browser(), "/", f"/d/{draft}")
    return answers
