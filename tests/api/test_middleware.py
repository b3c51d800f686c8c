"""What a request to the API must bring before anything is done: a token, an allowance, a body that can be read."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from deldokument.domain.errors import ScopeMissing
from deldokument.services.accounts.integrations import remove_integration
from deldokument.web.api.middleware import MAX_BODY
from deldokument.web.http.responses.problems import MAX_FAULTS
from tests.support.browser import Web, serve
from tests.support.stage.api import FJELL, PREFIX, SUPPLIER, System, Systems, integrate, token_of
from tests.support.stage.stage import OLA

PROBLEM = "application/problem+json"


def test_without_a_token_the_response_says_only_how_to_get_one(cast: Systems) -> None:
    for path in ("/accounts", "/shares", "/shares/AAAA", "/nothing", "/"):
        answer = cast.nobody.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="deldokument"'
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["code"] == "token_missing"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic b2xhOm9sYQ==", "token", "Bearer\ttoken"])
def test_an_invalid_bearer_header_counts_as_no_token(cast: Systems, header: str) -> None:
    answer = cast.nobody.get("/accounts", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


def test_a_token_that_is_not_valid_is_refused_without_a_reason(cast: Systems) -> None:
    answer = System(cast.web.browser(), "forged").get("/accounts")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json()["code"] == "token_invalid"
    assert "forged" not in answer.text


def test_a_token_without_the_scope_is_refused_with_its_name(cast: Systems) -> None:
    cast.web.stage.tokens.known["narrow"] = ScopeMissing("deldokument:share")
    answer = System(cast.web.browser(), "narrow").get("/accounts")
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="deldokument:share"'
    assert answer.json()["code"] == "insufficient_scope"


def test_while_maskinporten_is_down_all_requests_are_refused_and_can_be_retried(cast: Systems) -> None:
    cast.web.stage.tokens.down = True
    answer = cast.sharer.get("/accounts")
    assert (answer.status_code, answer.json()["code"]) == (503, "tokens_unavailable")
    assert answer.headers["retry-after"] == "5"


def test_the_scheme_is_written_in_any_case(cast: Systems) -> None:
    answer = cast.nobody.get("/accounts", headers={"Authorization": f"bearer {cast.sharer.token}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "Application/Json; charset=utf-8", "application/json;x=y"])
def test_a_media_type_is_compared_without_case_and_parameters(cast: Systems, kind: str) -> None:
    content = json.dumps({"account_id": cast.web.stage.byggesak.id}).encode()
    assert cast.sharer.call("POST", "/shares", content=content, headers={"Content-Type": kind}).status_code == 201


def test_head_answers_as_get_without_the_content(cast: Systems) -> None:
    share = cast.web.stage.publish(OLA)
    paths = ["/accounts", "/shares?limit=1", f"/shares/{share}", f"/shares/{share}/receipts", "/shares/unknown"]
    for path in (*paths, "/nothing", "/small-shares", "/shares?limit=x", "/openapi.json"):
        got, head = cast.sharer.get(path), cast.sharer.call("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        varying = {"ratelimit"}
        assert {n: v for n, v in head.headers.items() if n not in varying} == {
            n: v for n, v in got.headers.items() if n not in varying
        }, path
    assert cast.nobody.call("HEAD", "/accounts").status_code == 401


def test_a_refused_method_lists_head_wherever_get_is_allowed(cast: Systems) -> None:
    assert cast.sharer.call("PUT", "/accounts").headers["allow"] == "GET, HEAD"
    assert cast.sharer.call("HEAD", "/small-shares").headers["allow"] == "POST"


def test_a_session_of_a_person_gives_no_access(cast: Systems) -> None:
    browser = cast.web.browser("12838514837")
    assert System(browser, None).get("/accounts").status_code == 401


def test_an_integration_that_has_been_removed_is_gone_at_the_next_request(cast: Systems) -> None:
    stage = cast.web.stage
    kept = integrate(stage, SUPPLIER, stage.byggesak)
    system = System(cast.web.browser(), token_of(stage, SUPPLIER))
    assert len(system.get("/accounts").json()["items"]) == 1
    remove_integration(stage.deps, tenant_id=stage.tenant.id, account_id=stage.byggesak.id, integration_id=kept)
    assert system.get("/accounts").json()["items"] == []


def test_the_accounts_are_the_consumers_also_when_another_runs_its_system(cast: Systems) -> None:
    delegated = System(cast.web.browser(), token_of(cast.web.stage, FJELL, SUPPLIER))
    own = {one["name"] for one in cast.sharer.get("/accounts").json()["items"]}
    assert own == {one["name"] for one in delegated.get("/accounts").json()["items"]} == {"Byggesak", "Avtaler"}
    assert cast.stranger.get("/accounts").json() == {"items": [], "next": None}


def test_every_response_has_the_remaining_limit_and_is_not_stored(cast: Systems) -> None:
    answer = cast.sharer.get("/accounts")
    assert answer.headers["ratelimit-policy"] == '"consumer";q=600;w=60'
    assert answer.headers["ratelimit"].startswith('"consumer";r=599;t=')
    assert answer.headers["cache-control"] == "no-store"
    for path in ("/nothing", "/shares/unknown"):
        assert cast.sharer.get(path).headers["ratelimit"].startswith('"consumer";r=5')


def test_a_client_over_the_limit_has_to_wait_and_the_others_do_not(web: Web, cast: Systems) -> None:
    deps = web.stage.deps
    web.stage.deps = replace(deps, config=replace(deps.config, api_requests_per_minute=2))
    few = serve(web.stage)
    sharer, neighbour = System(few.browser(), cast.sharer.token), System(few.browser(), cast.neighbour.token)
    assert [sharer.get("/accounts").status_code for _ in range(3)] == [200, 200, 429]
    refused = sharer.get("/accounts")
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"consumer";r=0;t=')
    assert neighbour.get("/accounts").status_code == 200
    few.close()


def test_an_unknown_path_or_method_is_a_problem_too(cast: Systems) -> None:
    missing, wrong = cast.sharer.get("/nothing"), cast.sharer.call("DELETE", "/accounts")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method")
    assert wrong.headers["allow"] == "GET, HEAD"
    assert cast.sharer.call("OPTIONS", "/shares/unknown").headers["allow"] == "DELETE, GET, HEAD, PATCH"
    assert {missing.headers["content-type"], wrong.headers["content-type"]} == {PROBLEM}


@pytest.mark.parametrize("path", ["/shares/%00", "/shares/a%00b/receipts", "/shares/a%0Ab", "/%0A", "/shares/%FF"])
def test_a_path_that_is_not_text_is_not_found(cast: Systems, path: str) -> None:
    answer = cast.sharer.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


def test_a_line_break_in_an_address_is_a_problem_at_every_path(cast: Systems) -> None:
    described = cast.sharer.get("/openapi.json").json()["paths"]
    asked = [(path.removeprefix(PREFIX), method.upper()) for path, methods in described.items() for method in methods]
    assert asked
    for path, method in asked:
        within, behind = (re.sub("{[^}]+}", word, path) for word in ("a%0Ab", "x"))
        for address in {within, f"{behind}%0A"} - {path}:
            answer = cast.sharer.call(method, address, {})
            assert 400 <= answer.status_code < 500, (method, address)
            assert answer.headers["content-type"] == PROBLEM, (method, address)
    assert cast.sharer.get("/openapi.json%0A").status_code == 404


def test_a_query_with_a_nul_is_malformed(cast: Systems) -> None:
    assert cast.sharer.get("/shares?cursor=a%00b").json()["errors"][0]["code"] == "field_malformed"


@pytest.mark.parametrize(
    ("language", "start"),
    [("", "There"), ("nb", "Feltet"), ("nn-NO,en", "Feltet"), ("fr", "There"), ("en,nb", "There")],
)
def test_messages_are_english_unless_another_language_is_requested(cast: Systems, language: str, start: str) -> None:
    headers = {"Accept-Language": language} if language else {}
    answer = cast.sharer.post("/shares", {"account_id": "x", "unknown": 1}, headers=headers)
    assert answer.json()["errors"][0]["message"].startswith(start)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"\xff",
        b'"text"',
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"a": "\\ud800"}',
        b'{"account_id": "\\ud800"}',
        b"{} {}",
    ],
    ids=lambda content: content[:12].decode("latin-1") or "empty",
)
def test_a_body_that_cannot_be_read_changes_nothing(cast: Systems, content: bytes) -> None:
    answer = cast.sharer.call("POST", "/shares", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM


def test_a_body_is_bounded_and_of_the_kind_that_is_asked_for(cast: Systems) -> None:
    large = {"Content-Type": "application/json"}
    answer = cast.sharer.call("POST", "/shares", content=b" " * (MAX_BODY + 1), headers=large)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = cast.sharer.call("POST", "/shares", content=b"{}", headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type")


def test_a_missing_body_is_not_waited_for(cast: Systems, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deldokument.web.api.middleware.BODY_SECONDS", 0.0)

    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    answer = cast.sharer.call("POST", "/shares", content=never(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (408, PROBLEM)


def test_nothing_of_a_request_is_repeated_in_an_error(cast: Systems, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "deldokument")
    body = {"account_id": OLA, OLA: OLA, "recipients": [{"number": OLA + "1", "label": 7}]}
    for query, fields in ((f"?{OLA}={OLA}", {"?"}), ("", {"?", "recipients[0].label"})):
        answer = cast.sharer.post(f"/shares{query}", body)
        assert answer.status_code == 422
        assert {fault["field"] for fault in answer.json()["errors"]} == fields
        assert OLA not in answer.text
    assert OLA not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("deldokument"))


def test_a_body_with_very_many_errors_gets_a_short_response(cast: Systems) -> None:
    recipients = {"account_id": "a", "recipients": [{}] * 300_000}
    answer = cast.sharer.post("/shares", recipients)
    assert [fault["code"] for fault in answer.json()["errors"]] == ["too_many_recipients"]
    answer = cast.sharer.post("/shares", {"account_id": "a"} | {f"a{n}": 1 for n in range(MAX_FAULTS + 1)})
    assert {fault["code"] for fault in answer.json()["errors"]} == {"field_unknown"}
    assert len(answer.json()["errors"]) == MAX_FAULTS
