"""What everybody on the network can reach and what every answer carries: headers, limits, addresses, and silence."""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import Response

from deldokument import worker
from deldokument.services.shares.drafts import drafts
from deldokument.services.shares.published import publishing
from deldokument.web.app import ENDPOINTS
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from tests.support.browser import EWA, ORIGIN, Web, serve, stage_in_memory
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, OLA, PER, SIV, person
from tests.support.stored_data import contents, put_in_its_place

DOCS = Path(__file__).parents[2] / "docs"
BACK_CHANNEL = "/logg-ut/bakkanal"
"""The one change without a session: its signed token is the proof (test_logout_elsewhere)."""
ANYONE = {
    "/", "/kontakt", "/tilgjengelighet", "/personvern", "/robots.txt",
    "/.well-known/security.txt", "/logg-inn", "/logg-inn/svar", "/logget-ut", "/sprak/{language}", "/d/{id}",
    "/logg-ut/frontkanal", BACK_CHANNEL, "/varsling/{id}/vilkar",
}  # fmt: skip
CHANGES = [
    (endpoint, m)
    for endpoint in ENDPOINTS
    for m in endpoint.methods
    if m not in {"GET", "HEAD"} and endpoint.path != BACK_CHANNEL
]
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}
UNKNOWN = "AAAAAAAAAAAAAAAAAAAAAA"


def burst(call: RequestContext) -> Response:
    """A handler with a mistake in it."""
    raise RuntimeError(f"mistake near {call.query('number')}")


@pytest.fixture
def broken() -> Iterator[Web]:
    """The application with a route that fails in a way that nobody foresaw."""
    with stage_in_memory() as stage:
        web = serve(
            stage,
            [Endpoint("/sprekk", burst, RequiredRole.ANYONE), Endpoint("/sprekk.json", burst, RequiredRole.ANYONE)],
        )
        yield web
        web.close()


def an_address(web: Web, endpoint: Endpoint, share_id: str) -> str:
    """The endpoint's path for a share of the stage, and its tenant and account; what else a path names is unknown."""
    with web.stage.deps.database.read() as tx:
        recipient_id = tx.shares.recipients([share_id])[0].id
    known = {
        "id": share_id,
        "recipient_id": recipient_id,
        "document_id": web.stage.document_ids(share_id)[0],
        "language": "en",
        "tenant_id": web.stage.tenant.id,
        "account_id": web.stage.byggesak.id,
    }
    return endpoint.path.format_map(defaultdict(lambda: UNKNOWN, known))


def person_allowed(endpoint: Endpoint) -> str:
    """Somebody of the still world who holds the office that the endpoint asks for."""
    if endpoint.who is RequiredRole.OPERATOR:
        return SIV
    return KARI if endpoint.who in {RequiredRole.ANYONE, RequiredRole.PERSON} else EWA


def a_draft(web: Web) -> str:
    share = web.stage.draft()
    web.stage.add_recipients(share.id, OLA)
    web.stage.upload(share.id, "vedtak.pdf", b"innhold")
    return share.id


@pytest.fixture(scope="module")
def draft(still: Web) -> str:
    return a_draft(still)


def test_the_routes_without_login_are_these_and_no_others() -> None:
    assert {endpoint.path for endpoint in ENDPOINTS if endpoint.who is RequiredRole.ANYONE} == ANYONE


def test_the_link_before_login_is_the_same_for_every_id_and_state(web: Web) -> None:
    stage = web.stage
    withdrawn, ended = stage.publish(OLA), stage.publish(OLA, expires_at=stage.clock.now().replace(hour=14))
    web.browser(KARI).post(f"/delinger/{withdrawn}/tilbaketrekking")
    stage.clock.advance(hours=3)
    worker.end_what_is_over(stage.deps)
    browser = web.browser()
    pages = {}
    for share_id in (UNKNOWN, stage.draft().id, stage.publish(OLA), withdrawn, ended):
        answer = browser.get(f"/d/{share_id}")
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
        pages[share_id] = (answer.content.replace(share_id.encode(), b"ID"), sorted(answer.headers.multi_items()))
    assert len({str(page) for page in pages.values()}) == 1


def test_the_link_before_login_asks_nobody_about_the_share(web: Web) -> None:
    before = contents(web.stage)
    web.browser().get(f"/d/{UNKNOWN}")
    assert contents(web.stage) == before


def test_the_page_about_accessibility_names_the_complaints_board_and_the_standard_of_the_documentation(
    web: Web,
) -> None:
    [standard] = re.findall(r"WCAG 2\.\d at level AA", (DOCS / "accessibility.md").read_text("utf-8"))
    page = web.browser().get("/tilgjengelighet").text
    assert standard.replace("at level", "på nivå") in page
    assert "klage til Diskrimineringsnemnda" in page
    assert "uutilsynet" not in page


def test_a_document_of_another_share_is_not_found_under_this_one(web: Web) -> None:
    mine, other = web.stage.publish(OLA), web.stage.publish(SIV)
    browser = web.browser(OLA)
    [foreign] = web.stage.document_ids(other)
    strange = browser.get(f"/d/{mine}/dokument/{foreign}")
    unknown = browser.get(f"/d/{mine}/dokument/{'ab' * 16}")
    assert strange.status_code == unknown.status_code == 404
    assert strange.text.replace(foreign, "ID") == unknown.text.replace("ab" * 16, "ID")


def test_asking_with_head_is_no_receipt(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    [document_id] = web.stage.document_ids(share_id)
    ola = web.browser(OLA)
    before = contents(web.stage)
    for path in (f"/d/{share_id}", f"/d/{share_id}/dokument/{document_id}", f"/d/{share_id}/alt.zip", "/mine"):
        answer = ola.request("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")
    assert contents(web.stage) == before


def test_head_has_the_length_of_get(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    [document_id] = web.stage.document_ids(share_id)
    below = ("", f"/dokument/{document_id}", "/alt.zip")
    for browser in (web.browser(OLA), web.browser(SIV), web.browser()):
        for path in (*(f"/d/{share_id}{end}" for end in below), f"/d/{UNKNOWN}", "/mine", "/kontakt", "/finnes-ikke"):
            length = browser.request("HEAD", path).headers.get("content-length")
            assert length in {None, browser.get(path).headers["content-length"]}, path


def test_with_the_registers_down_known_and_unknown_shares_answer_alike(web: Web) -> None:
    share_id = web.stage.publish(FJELL)
    browser = web.browser(PER)
    web.stage.rights.down = True
    answers = [browser.get(f"/d/{one}") for one in (share_id, UNKNOWN, web.stage.draft().id)]
    assert {a.status_code for a in answers} == {503}
    assert all(a.headers["retry-after"] for a in answers)


@pytest.mark.parametrize(("endpoint", "method"), CHANGES, ids=lambda value: getattr(value, "path", value))
def test_a_change_without_the_sessions_own_token_is_refused_and_changes_nothing(
    still: Web, draft: str, endpoint: Endpoint, method: str
) -> None:
    person = person_allowed(endpoint)
    browser, other = still.browser(person), still.browser(person)
    path, foreign = an_address(still, endpoint, draft), other.csrf_token()
    body = {"account_id": still.stage.byggesak.id, "text": SIV, "name": "x.pdf", "length": 1, "confirmed": False}
    before = contents(still.stage)
    tries = [
        browser.request(method, path, json=body),
        browser.request(method, path, json=body, headers={"X-CSRF-Token": foreign}),
        browser.request(method, path, json=body, headers={"X-CSRF-Token": ""}),
        browser.request(method, path, data={"csrf_token": foreign}),
        browser.request(
            method, path, json=body, headers={"X-CSRF-Token": browser.csrf_token(), "Origin": "https://evil.example"}
        ),
        browser.request(method, path, json=body, headers={"X-CSRF-Token": browser.csrf_token(), "Origin": "null"}),
        browser.request(
            method, path, content=b"csrf_token=" + foreign.encode(), headers={"Content-Type": "text/plain"}
        ),
    ]
    assert [answer.status_code for answer in tries] == [403] * len(tries)
    assert contents(still.stage) == before
    if endpoint.answer is ErrorFormat.JSON:
        assert tries[0].json()["code"] == "csrf"


@pytest.mark.parametrize(("endpoint", "method"), CHANGES, ids=lambda value: getattr(value, "path", value))
def test_a_change_without_a_session_is_refused_and_changes_nothing(
    still: Web, draft: str, endpoint: Endpoint, method: str
) -> None:
    path, token = an_address(still, endpoint, draft), still.browser(person_allowed(endpoint)).csrf_token()
    before = contents(still.stage)
    answer = still.browser().request(method, path, json={}, headers={"X-CSRF-Token": token})
    assert answer.status_code == (303 if endpoint.answer is ErrorFormat.PAGE else 401)
    assert [
        line
        for line in contents(still.stage)
        if "session" not in line and "audit" not in line and "subject" not in line
    ] == [line for line in before if "session" not in line and "audit" not in line and "subject" not in line]


def test_our_own_origin_is_welcome(web: Web) -> None:
    answer = web.browser(KARI).post("/del/utkast/" + a_draft(web) + "/forkasting", headers={"Origin": ORIGIN})
    assert answer.status_code == 303


def test_a_method_in_a_header_or_field_is_no_method(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    browser = web.browser(KARI)
    before = contents(web.stage)
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert browser.get(f"/delinger/{share_id}", headers={name: "POST"}).status_code == 200
    assert browser.get(f"/delinger/{share_id}?_method=DELETE").status_code == 200
    for name in ("X-Original-URL", "X-Rewrite-URL"):
        assert "Si hva" not in browser.get("/kontakt", headers={name: f"/delinger/{share_id}"}).text
        assert browser.get("/finnes-ikke", headers={name: "/mine"}).status_code == 404
    assert contents(web.stage) == before


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "POST", "PATCH", "DELETE"])
def test_cookies_do_not_authorise_uploads(web: Web, method: str) -> None:
    share_id = a_draft(web)
    with web.stage.deps.database.read() as tx:
        [upload] = tx.uploads.of_documents(web.stage.document_ids(share_id))
    browser, before = web.browser(KARI), contents(web.stage)
    headers = {
        "Tus-Resumable": "1.0.0", "Upload-Length": "7", "Upload-Offset": "0", "X-CSRF-Token": browser.csrf_token(),
        "Content-Type": "application/offset+octet-stream", "Origin": "https://evil.example",
    }  # fmt: skip
    for path in ("/uploads", f"/uploads/{upload.id}", f"/uploads/{UNKNOWN}"):
        answer = browser.request(method, path, headers=headers)
        assert answer.status_code in ({204} if method == "OPTIONS" else {404, 405})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "set-cookie" not in answer.headers
    assert contents(web.stage) == before


def test_an_upload_token_is_good_for_nothing_else(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    kari = web.browser(KARI)
    draft = web.stage.draft().id
    token = kari.call("POST", f"/del/utkast/{draft}/dokumenter", {"name": "a", "length": 1}).json()["upload"]["token"]
    stranger = web.browser()
    for path in ("/mine", "/del", f"/delinger/{share_id}"):
        assert stranger.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 303
    stranger.http.cookies.set("__Host-deldokument", token, domain="del.example")
    assert stranger.get("/mine").status_code == 303


def test_every_kind_of_answer_carries_the_security_headers(broken: Web) -> None:
    share_id = broken.stage.publish(OLA)
    [document_id] = broken.stage.document_ids(share_id)
    ola, kari = broken.browser(OLA), broken.browser(KARI)
    answers = {
        "page": ola.get(f"/d/{share_id}"),
        "json": kari.get("/del/csrf"),
        "json error": kari.request("POST", "/del/utkast"),
        "redirect": broken.browser().get("/mine"),
        "404": ola.get("/finnes-ikke"),
        "405": ola.request("DELETE", "/mine"),
        "413": kari.request("POST", "/logg-ut", content=b"x" * 300_000),
        "500": ola.get("/sprekk"),
        "static": ola.get("/static/icons/favicon.svg"),
        "static 404": ola.get("/static/../app.py"),
        "bytes": ola.get(f"/d/{share_id}/dokument/{document_id}"),
        "zip": ola.get(f"/d/{share_id}/alt.zip"),
        "bytes 401": broken.browser().get(f"/d/{share_id}/alt.zip"),
        "416": ola.get(f"/d/{share_id}/dokument/{document_id}", headers={"Range": "bytes=99-"}),
        "text": ola.get("/robots.txt"),
        "upload": ola.request("OPTIONS", "/uploads"),
        "upload 412": ola.request("POST", "/uploads"),
    }
    for kind, answer in answers.items():
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, kind
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"] or kind in {"bytes", "zip", "416"}
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "no-store" in answer.headers["cache-control"] or kind == "static"
        assert "server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("access-control")], kind
        if kind not in {"redirect"}:
            assert "set-cookie" not in answer.headers, kind
    assert answers["405"].headers["allow"]
    assert answers["500"].status_code == 500
    assert answers["bytes"].headers["content-security-policy"].startswith("sandbox")


def test_bytes_go_out_as_an_attachment_that_no_browser_runs_or_keeps(web: Web) -> None:
    for name, content in {"side.html": b"<script>alert(1)</script>", "bilde.svg": b"<svg onload='alert(1)'/>"}.items():
        share = web.stage.draft()
        web.stage.add_recipients(share.id, OLA)
        web.stage.upload(share.id, name, content)
        kari = web.browser(KARI)
        body = {"account_id": web.stage.byggesak.id, "archived": True, "expires_at": "2026-12-04T15:30"}
        assert kari.call("PUT", f"/del/utkast/{share.id}", body).status_code == 200
        assert kari.call("POST", f"/del/utkast/{share.id}/publisering").status_code == 200
        inspect_documents(web.stage.deps)
        [document_id] = web.stage.document_ids(share.id)
        answer = web.browser(OLA).get(f"/d/{share.id}/dokument/{document_id}")
        assert answer.content == content
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers


def test_a_document_that_is_still_being_checked_is_reported_and_logs_no_error(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    stage = web.stage
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    document_id = stage.upload(share.id, "vedtak.pdf", b"innhold")
    publishing.publish_share(stage.deps, person(KARI), share.id)
    with caplog.at_level(logging.ERROR, "deldokument.web"):
        answer = web.browser(OLA).get(f"/d/{share.id}/dokument/{document_id}")
    assert (answer.status_code, answer.text) == (503, "Dokumentet gjøres klart. Prøv igjen om litt.")
    assert caplog.records == []


def test_a_document_that_was_refused_is_logged_for_operators(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    stage = web.stage
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words())
    stage.add_recipients(share.id, OLA)
    document_id = stage.upload(share.id, "vedtak.pdf", b"innhold")
    [part] = stage.deps.blobs.list()
    put_in_its_place(stage.deps.blobs, part.name, b"damaged")
    publishing.publish_share(stage.deps, person(KARI), share.id)
    inspect_documents(stage.deps)
    with caplog.at_level(logging.ERROR, "deldokument.web"):
        assert web.browser(OLA).get(f"/d/{share.id}/dokument/{document_id}").status_code == 503
    assert "inspection_refused" in caplog.text


def test_an_unforeseen_error_reveals_nothing_and_is_logged_without_the_address(
    broken: Web, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = broken.browser().get(f"/sprekk?number={OLA}")
    assert answer.status_code == 500
    for text in ("mistake", "RuntimeError"):
        assert text not in answer.text
    records = [record for record in caplog.records if record.name == "deldokument.web"]
    assert [record.getMessage() for record in records] == [
        "/sprekk failed",
        "/sprekk answered 500: broken (unexpected)",
    ]
    assert records[0].exc_info


FORGED = [
    {"Host": "evil.example"}, {"Host": "del.example@evil.example"}, {"Host": "evil.example:80/x?"}, {"Host": "["},
    {"Host": "' OR 1=1 --"}, {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "http"},
    {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "host=evil.example;proto=http"}, {"X-Real-IP": "127.0.0.1"},
    {"X-Forwarded-Prefix": "/evil"}, {"X-Original-URL": "/mine"}, {"X-Rewrite-URL": "/mine"},
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_what_a_request_says_of_hosts_and_proxies_changes_nothing(web: Web, forged: dict[str, str]) -> None:
    share_id = web.stage.publish(OLA)
    kari, nobody = web.browser(KARI), web.browser()
    for browser, path in [
        (kari, f"/delinger/{share_id}/delt"), (kari, f"/delinger/{share_id}"), (kari, "/del"), (kari, "/nei"),
        (nobody, f"/d/{share_id}"), (nobody, "/mine?a=b"), (nobody, "/.well-known/security.txt"), (nobody, "/del/"),
        (nobody, "/static"), (nobody, "/robots.txt"),
    ]:  # fmt: skip
        plain, odd = browser.get(path), browser.get(path, headers=forged)
        assert (odd.status_code, odd.text) == (plain.status_code, plain.text)
        assert odd.headers.get("location") == plain.headers.get("location")
    assert f"{ORIGIN}/d/{share_id}" in kari.get(f"/delinger/{share_id}/delt", headers=forged).text


def test_after_the_keys_are_destroyed_recipient_and_sharer_still_get_their_pages(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    web.browser(KARI).post(f"/delinger/{share_id}/tilbaketrekking")
    worker.end_what_is_over(web.stage.deps)
    gone = web.browser(OLA).get(f"/d/{share_id}")
    assert gone.status_code == 410
    assert "22 00 00 00" in gone.text
    assert web.browser(SIV).get(f"/d/{share_id}").status_code == 404
    page = web.browser(KARI).get(f"/delinger/{share_id}")
    assert page.status_code == 200
    assert "vedtak.pdf" in page.text
