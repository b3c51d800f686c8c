"""A program receives for a recipient: the page that approves it, its code, its token, and where the token is good."""

import hashlib
import logging
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.shares.share import ReceiptState, Verdict
from deldokument.services.shares.display.queries import view_share
from deldokument.services.shares.published import publishing
from deldokument.web.app import ENDPOINTS
from deldokument.web.http.dispatch import MAX_ANONYMOUS_BODY
from tests.fakes.scanner import MemoryScanner
from tests.services.auth.test_programs import CHALLENGE, VERIFIER
from tests.support.browser import ORIGIN, Browser, Web, serve
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, LISE, NOON, OLA, PER, SIV, person

CONTENT = b"innhold"
STATE = "s" * 43
ASKED = {"port": "50123", "challenge": CHALLENGE, "state": STATE}
HTML = {"Accept": "text/html"}


@dataclass
class Program:
    """A program on the machine of a recipient: it has no cookie, and after the approval a token."""

    http: Browser
    share_id: str
    token: str = ""

    def call(self, method: str, path: str = "", **options: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.http.request(method, f"/api/v1/offers/{self.share_id}{path}", headers=headers, **options)

    def bytes(self, document_id: str, share_id: str = "", **headers: str) -> httpx.Response:
        path = f"/d/{share_id or self.share_id}/dokument/{document_id}"
        return self.http.request("GET", path, headers={"Authorization": f"Bearer {self.token}", **headers})

    def redeem(self, code: str, verifier: str = VERIFIER) -> httpx.Response:
        return self.call("POST", "/token", json={"code": code, "verifier": verifier})


def approved(browser: Browser, share_id: str) -> str:
    """The code that the browser brings to the program."""
    answer = browser.post(f"/d/{share_id}/program", ASKED)
    assert answer.status_code == 303, answer.text
    address = urlsplit(answer.headers["location"])
    assert (address.scheme, address.netloc, address.path) == ("http", "127.0.0.1:50123", "/")
    given = parse_qs(address.query)
    assert given["state"] == [STATE]
    return given["code"][0]


def started(web: Web, browser: Browser, share_id: str) -> Program:
    program = Program(web.browser(), share_id)
    issued = program.redeem(approved(browser, share_id))
    assert issued.status_code == 200, issued.text
    program.token = issued.json()["token"]
    return program


def test_a_program_gets_the_documents_and_confirms_what_it_has_received(web: Web) -> None:
    share_id = web.stage.publish(OLA, content=CONTENT)
    program = started(web, web.browser(OLA), share_id)
    offer = program.call("GET").json()
    [document] = offer["documents"]
    assert offer["sender"] == "Eksempel kommune, Byggesak"
    assert document["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (document["handling"], document["state"], document["length"]) == ("released", None, len(CONTENT))
    assert document["url"] == f"{ORIGIN}/d/{share_id}/dokument/{document['id']}"
    assert program.call("POST", "/confirmation", json={"documents": [document["id"]]}).status_code == 409
    got = program.bytes(document["id"])
    assert (got.status_code, got.content, got.headers["etag"]) == (200, CONTENT, f'"{document["etag"]}"')
    rest = program.bytes(document["id"], Range="bytes=3-", **{"If-Range": got.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, CONTENT[3:])
    digest = b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert rest.headers["repr-digest"] == f"sha-256=:{digest}:"
    for _ in range(2):
        assert program.call("POST", "/confirmation", json={"documents": [document["id"]]}).status_code == 204
    assert program.call("GET").json()["documents"][0]["state"] == ReceiptState.RECEIVED
    [recipient] = view_share(web.stage.deps, person(KARI), share_id).recipients
    assert recipient.received == 1
    [confirmed] = [event for _, event in web.stage.trail() if event.kind is EventKind.DOCUMENTS_CONFIRMED]
    assert (confirmed.details or {})["how"] == "program"


def test_the_page_shows_the_program_and_its_check_code_and_is_framed_by_nobody(web: Web) -> None:
    share_id = web.stage.publish(FJELL)
    page = web.browser(PER).get(f"/d/{share_id}/program", params=ASKED)
    assert "Et program på maskinen din vil hente dokumentene" in page.text
    assert "Gi tilgang" in page.text
    assert "Viser det en annen, eller har du ikke startet et program, lukker du denne siden." in page.text
    code = page.text.split('class="address">')[1].split("<")[0]
    assert len(code) == 9
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert policy.endswith("; form-action 'self' http://127.0.0.1:50123")
    assert STATE not in web.browser(PER).get(f"/d/{share_id}").headers["content-security-policy"]


def test_the_approval_leads_to_no_other_host_or_port(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    browser = web.browser(OLA)
    for port in ("80", "50123@evil.example", "evil.example", "65536", ""):
        for answer in (
            browser.get(f"/d/{share_id}/program", params=ASKED | {"port": port}, headers=HTML),
            browser.post(f"/d/{share_id}/program", ASKED | {"port": port}, headers=HTML),
        ):
            assert answer.status_code == 422
            assert "location" not in answer.headers
            assert "evil" not in answer.headers["content-security-policy"]


def test_a_stranger_gets_at_the_program_what_the_link_gives_and_an_unknown_id_looks_the_same(web: Web) -> None:
    share_id = web.stage.publish(FJELL)
    for who, status in ((SIV, 404), (LISE, 403)):
        browser = web.browser(who)
        page, link = browser.get(f"/d/{share_id}/program", params=ASKED), browser.get(f"/d/{share_id}")
        assert page.status_code == link.status_code == status
        assert browser.post(f"/d/{share_id}/program", ASKED, headers=HTML).status_code == status
    unknown = web.browser(SIV).get(f"/d/{'A' * 22}/program", params=ASKED)
    hidden = web.browser(SIV).get(f"/d/{share_id}/program", params=ASKED)
    assert unknown.status_code == hidden.status_code == 404
    assert ("127.0.0.1" in unknown.text, "127.0.0.1" in hidden.headers["content-security-policy"]) == (False, False)


def test_before_the_login_the_page_leads_to_it_and_back_for_every_id(web: Web) -> None:
    browser = web.browser()
    share_id = web.stage.publish(OLA)
    answers = [browser.get(f"/d/{one}/program", params=ASKED) for one in (share_id, "A" * 22)]
    assert {answer.status_code for answer in answers} == {303}
    address = answers[0].headers["location"]
    assert address.startswith("/logg-inn?neste=/d/")
    browser.get(address)
    web.stage.login.person = OLA
    back = browser.get("/logg-inn/svar", params={"code": "code", "state": f"state-{web.stage.login.begun}"})
    assert dict(parse_qs(urlsplit(back.headers["location"]).query)) == {name: [one] for name, one in ASKED.items()}


def test_a_head_request_opens_nothing(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    assert web.browser(OLA).request("HEAD", f"/d/{share_id}/program", params=ASKED).status_code == 200
    assert EventKind.SHARE_OPENED not in {event.kind for _, event in web.stage.trail()}


def test_no_program_is_approved_without_the_pages_own_token(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    browser = web.browser(OLA)
    foreign = {"Origin": "https://evil.example"}
    for fields, headers in (
        *(
            (ASKED | token, headers)
            for token in ({}, {"csrf_token": "x"})
            for headers in ({}, {"Origin": ORIGIN}, foreign)
        ),
        (ASKED | {"csrf_token": browser.csrf_token()}, foreign),
    ):
        answer = browser.request("POST", f"/d/{share_id}/program", data=fields, headers=headers)
        assert (answer.status_code, "location" in answer.headers) == (403, False)
    lost = web.browser().request("POST", f"/d/{share_id}/program", data=ASKED, headers=HTML | {"Origin": ORIGIN})
    assert lost.headers["location"] == f"/d/{share_id}"


def test_a_code_is_good_once_and_for_the_program_with_the_verifier(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    browser, program = web.browser(OLA), Program(web.browser(), share_id)
    code = approved(browser, share_id)
    assert program.redeem(code).status_code == 200
    for wrong in (program.redeem(code), program.redeem(approved(browser, share_id), "another" * 7)):
        assert (wrong.status_code, wrong.json()["code"]) == (401, "program_code_refused")
        assert wrong.headers["content-type"] == "application/problem+json"


def test_programs_without_a_token_send_little_and_leave_threads_for_the_others(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_id = web.stage.publish(OLA)
    browser, program = web.browser(OLA), Program(web.browser(), share_id)
    long = program.redeem("x" * MAX_ANONYMOUS_BODY)
    assert (long.status_code, long.json()["code"]) == (413, "body_too_large")
    token = started(web, browser, share_id).token
    code = approved(browser, share_id)
    monkeypatch.setattr("deldokument.web.http.responses.rate_limit.MAX_CONCURRENT", 0)
    answer = program.redeem(code)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "rate_limited", "1")
    assert Program(program.http, share_id, token).call("GET").status_code == 200
    monkeypatch.undo()
    assert program.redeem(code).status_code == 200


def test_a_token_opens_no_other_share_and_no_other_route(web: Web) -> None:
    share_id, other_id = web.stage.publish(OLA), web.stage.publish(OLA)
    program = started(web, web.browser(OLA), share_id)
    [other] = web.stage.document_ids(other_id)
    for answer in (program.bytes(other, other_id), Program(program.http, other_id, program.token).call("GET")):
        assert (answer.status_code, answer.json()["code"]) == (401, "program_token_refused")
    assert program.bytes(other).status_code == 404
    headers = {"Authorization": f"Bearer {program.token}"}
    routes = [e for e in ENDPOINTS if e.who.name != "ANYONE" and not e.for_programs]
    for endpoint in routes:
        path = endpoint.path.replace("{id}", share_id)
        for method in endpoint.methods:
            answer = program.http.request(method, path, headers=headers)
            assert answer.status_code in {303, 401}, (method, path)
    assert program.http.get("/api/v1/shares", headers=headers).status_code == 401
    assert program.http.request("POST", "/uploads", headers=headers | {"Tus-Resumable": "1.0.0"}).status_code >= 400
    program.http.http.cookies.set(web.session_cookie, program.token)
    assert program.http.get("/mine").status_code == 303


def test_a_token_in_the_address_and_a_cookie_at_the_api_count_for_nothing(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    browser = web.browser(OLA)
    program = started(web, browser, share_id)
    [document_id] = web.stage.document_ids(share_id)
    path = f"/d/{share_id}/dokument/{document_id}"
    assert program.http.get(f"{path}?access_token={program.token}").status_code == 401
    assert browser.get(f"/api/v1/offers/{share_id}").status_code == 401
    # Without a token the body is not read.
    assert browser.request("POST", f"/api/v1/offers/{share_id}/confirmation", content=b"{").status_code == 401
    # With a program's token, the browser's cookie does not count.
    assert browser.get(path, headers={"Authorization": "Bearer x"}).status_code == 401
    assert browser.get(path).status_code == 200


def _logout(_: Web, browser: Browser, __: str) -> None:
    browser.post("/logg-ut")


def _list_of_logins(_: Web, browser: Browser, __: str) -> None:
    page = browser.get("/innlogginger").text
    program_id = page.split('name="program" value="')[1].split('"')[0]
    answer = browser.post("/innlogginger/program", {"program": program_id})
    assert "Programmet har ikke tilgang lenger." in browser.get(answer.headers["location"]).text


def _withdrawal(web: Web, _: Browser, share_id: str) -> None:
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)


def _lost_right(web: Web, _: Browser, __: str) -> None:
    web.stage.rights.held.clear()


@pytest.mark.parametrize(
    ("end", "status"), [(_logout, 401), (_list_of_logins, 401), (_withdrawal, 410), (_lost_right, 404)]
)
def test_a_program_gets_nothing_more_after(web: Web, end: Callable[[Web, Browser, str], None], status: int) -> None:
    share_id = web.stage.publish(FJELL)
    browser = web.browser(PER)
    program = started(web, browser, share_id)
    [document_id] = web.stage.document_ids(share_id)
    assert program.bytes(document_id).status_code == 200
    end(web, browser, share_id)
    refused = [program.bytes(document_id), program.call("GET")]
    refused.append(program.call("POST", "/confirmation", json={"documents": [document_id]}))
    assert [answer.status_code for answer in refused] == [status] * 3
    assert {answer.headers["content-type"] for answer in refused} == {"application/problem+json"}
    assert not any(b"csrf" in answer.content for answer in refused)


def test_a_warned_document_is_sent_after_the_person_confirms_and_held_and_waiting_ones_are_not(web: Web) -> None:
    scanner = MemoryScanner(NOON, verdict=Verdict.TOO_LARGE)
    web.stage.deps = replace(web.stage.deps, scanner=scanner)
    served = serve(web.stage)
    share_id = web.stage.publish(OLA)
    program = started(served, served.browser(OLA), share_id)
    [document] = program.call("GET").json()["documents"]
    assert document["handling"] == "warned"
    refused = program.bytes(document["id"])
    assert (refused.status_code, refused.json()["code"]) == (409, "document_unconfirmed")
    assert program.call("POST", "/confirmation", json={"warnings": [""]}).status_code == 422
    assert program.call("POST", "/confirmation", json={"warnings": [document["id"]]}).status_code == 204
    assert program.call("GET").json()["documents"][0]["handling"] == "released"
    assert program.bytes(document["id"]).status_code == 200
    scanner.verdict = Verdict.INFECTED
    web.stage.clock.advance(hours=24)
    inspect_documents(web.stage.deps)
    again = started(served, served.browser(OLA), share_id)
    assert again.call("GET").json()["documents"][0]["handling"] == "refused"
    served.close()


def test_neither_code_nor_token_nor_number_is_logged(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    share_id = web.stage.publish(OLA)
    with caplog.at_level(logging.DEBUG):
        browser, program = web.browser(OLA), Program(web.browser(), share_id)
        code = approved(browser, share_id)
        program.token = program.redeem(code).json()["token"]
        program.call("GET")
        program.redeem(code)
        program.bytes("0" * 32)
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("deldokument"))
    for secret in (code, program.token, VERIFIER, OLA, share_id):
        assert secret not in said
