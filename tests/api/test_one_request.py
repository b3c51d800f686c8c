"""Small files are shared in one request, all or nothing."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from deldokument.domain.errors import StorageFull, Unavailable
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.tenancy import AccountRules
from deldokument.web.api.middleware import MAX_BODY, MAX_FILES, MAX_FORMS_PER_CONSUMER, SMALL_SHARES, ApiMiddleware
from deldokument.web.http.responses.errors import ConsumerLimited
from deldokument.web.http.responses.rate_limit import MAX_CONCURRENT, ConcurrencyLimiter
from tests.support.browser import serve
from tests.support.stage.api import NEIGHBOUR, READER, System, Systems
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import OLA, Stage

UNTIL = "2026-12-04T12:00:00Z"
FILES = [("vedtak.pdf", b"innhold"), ("vedlegg/bilde.png", b"\x00\xff" * 9000), ("tom.txt", b"")]
Files = list[tuple[str, tuple[str | None, bytes, str]]]


@pytest.fixture
def stage(cast: Systems) -> Stage:
    return cast.web.stage


def words(stage: Stage, **changes: Any) -> dict[str, Any]:
    given = {"account_id": stage.byggesak.id, "archived": True, "expires_at": UNTIL, "recipients": [{"number": OLA}]}
    return given | changes


def form(share: Any, files: list[tuple[str, bytes]]) -> Files:
    parts: Files = [("share", (None, json.dumps(share).encode(), "application/json"))]
    return parts + [("documents", (name, content, "application/octet-stream")) for name, content in files]


def sent(cast: Systems, parts: Files, **headers: str) -> httpx.Response:
    return cast.sharer.call("POST", "/small-shares", files=parts, headers=headers)


def test_one_request_is_a_published_share(cast: Systems, stage: Stage) -> None:
    answer = sent(cast, form(words(stage, title="Vedtak"), FILES))
    assert answer.status_code == 201, answer.text
    share = answer.json()
    assert answer.headers["location"] == f"/api/v1/shares/{share['id']}"
    assert (share["state"], share["title"]) == ("available", "Vedtak")
    assert [(d["name"], d["length"], d["complete"]) for d in share["documents"]] == [
        (name, len(content), True) for name, content in FILES
    ]
    inspect_documents(stage.deps)
    browser = cast.web.browser(OLA)
    for document, (_, content) in zip(share["documents"], FILES, strict=True):
        assert browser.get(f"/d/{share['id']}/dokument/{document['id']}").content == content


def test_two_files_of_one_name_are_two_documents(cast: Systems, stage: Stage) -> None:
    answer = sent(cast, form(words(stage), [("a.txt", b"1"), ("a.txt", b"2")]))
    assert [document["name"] for document in answer.json()["documents"]] == ["a.txt", "a.txt"]


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        # The header as .NET's MultipartFormDataContent writes it.
        ("filename=\"=?utf-8?B?w6YudHh0?=\"; filename*=utf-8''%C3%A6.txt", "æ.txt"),
        ("filename==?utf-8?B?w6YudHh0?=; filename*=utf-8''%C3%A6.txt", "æ.txt"),
        ("filename*=UTF-8'nb'%E2%82%AC%20100%3B.txt", "€ 100;.txt"),
        ("filename*=utf-8''a.txt; filename=b.txt", "a.txt"),
        ("filename=\"b; filename*=utf-8''a.txt\"", "b; filename*=utf-8''a.txt"),
        ("filename=\"b.txt\"; filename*=koi8-r''%C3%A6", "b.txt"),
        ('filename="«%22».txt"', '«"».txt'),
        ('filename="100 % sikkert.txt"', "100 % sikkert.txt"),
    ],
)
def test_a_file_has_the_name_that_its_sender_gave_it(cast: Systems, stage: Stage, parameters: str, name: str) -> None:
    head = '--x\r\nContent-Disposition: form-data; name="share"\r\n\r\n'
    head += f"{json.dumps(words(stage))}\r\n--x\r\nContent-Disposition: form-data; name=documents; {parameters}\r\n\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = cast.sharer.call("POST", "/small-shares", content=f"{head}innhold\r\n--x--\r\n".encode(), headers=kind)
    assert answer.status_code == 201, answer.text
    assert [document["name"] for document in answer.json()["documents"]] == [name]


def test_a_quote_in_a_name_arrives_from_a_common_client(cast: Systems, stage: Stage) -> None:
    answer = sent(cast, form(words(stage), [('Om "Solbakken".pdf', b"x")]))
    assert [document["name"] for document in answer.json()["documents"]] == ['Om "Solbakken".pdf']


def test_where_four_eyes_are_wanted_it_is_proposed(cast: Systems, stage: Stage) -> None:
    stage.change_account(stage.byggesak, rules=AccountRules(four_eyes=True))
    share = sent(cast, form(words(stage), FILES)).json()
    assert (share["state"], share["proposed"]) == ("draft", True)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"expires_at": None}, {"expires_at"}),
        ({"recipients": []}, {"recipients"}),
        ({"recipients": [{"number": "1"}]}, {"recipients[0].number"}),
        ({"archived": False}, {"archived"}),
        ({"unknown": 1}, {"unknown"}),
        ({"title": 7}, {"title"}),
    ],
    ids=str,
)
def test_a_refusal_names_the_fields_and_nothing_is_shared(
    cast: Systems, stage: Stage, changes: dict[str, Any], fields: set[str]
) -> None:
    answer = sent(cast, form(words(stage, **changes), FILES))
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["errors"]} == fields
    states = {share["state"] for share in cast.sharer.get("/shares").json()["items"]}
    assert states <= {"abandoned"}


def test_an_invalid_form_is_refused(cast: Systems, stage: Stage) -> None:
    right = form(words(stage), FILES)
    forms: dict[str, Files] = {
        "field_missing": right[1:],
        "files_missing": right[:1],
        "field_unknown": [*right, ("extra", (None, b"1", "text/plain"))],
        "field_malformed": [right[0], *right],
        "file_name_missing": [right[0], ("documents", (None, b"1", "text/plain"))],
        "body_malformed": [("share", (None, b"{", "application/json")), *right[1:]],
    }
    for code, parts in forms.items():
        answer = sent(cast, parts)
        assert answer.status_code == 422
        assert [fault["code"] for fault in answer.json()["errors"]] == [code]
    many = sent(cast, form(words(stage), [(f"{n}.txt", b"1") for n in range(21)]))
    assert [fault["code"] for fault in many.json()["errors"]] == ["field_malformed"]
    assert cast.sharer.get("/shares").json()["items"] == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--x\r\n",
        b"--x\r\n\r\n\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="share"\r\n\r\n{}\r\n',
        b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n{}\r\n--x--\r\n',
        b"--x\r\nContent-Disposition: form-data; name=documents; filename*=utf-8''%FF\r\n\r\nx\r\n--x--\r\n",
        b"--y\r\n" * 200,
        b'--x\r\nContent-Disposition: form-data; name="share"\r\n\r\n' + b"[" * 100_000 + b"\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="documents"; filename="a"\r\n\r\n\r\n' * 101 + b"--x--\r\n",
    ],
    ids=range(9),
)
def test_a_body_that_is_not_a_form_is_refused(cast: Systems, content: bytes) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = cast.sharer.call("POST", "/small-shares", content=content, headers=kind)
    assert answer.status_code == 422, answer.text
    assert cast.sharer.get("/shares").json()["items"] == []


def test_a_form_without_a_boundary_or_of_another_kind_is_refused(cast: Systems) -> None:
    for kind, status in (("multipart/form-data", 422), ("application/json", 415), ("text/plain", 415)):
        answer = cast.sharer.call("POST", "/small-shares", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == status


def test_more_than_small_files_need_an_upload(cast: Systems, stage: Stage) -> None:
    answer = sent(cast, form(words(stage), [("stor.bin", bytes(MAX_FILES + MAX_BODY))]))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_only_a_limited_number_of_bodies_with_files_is_held_at_once(
    cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deldokument.web.api.middleware.MAX_FORMS", 0)
    full = serve(stage)
    answer = System(full.browser(), cast.sharer.token).call("POST", "/small-shares", files=form(words(stage), FILES))
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"] == "5"
    full.close()


def test_fields_beside_files_have_the_length_limit_of_fields_alone(cast: Systems, stage: Stage) -> None:
    answer = sent(cast, form(words(stage, message="x" * MAX_BODY), FILES))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_consumer_that_sends_many_forms_slowly_delays_no_other(cast: Systems) -> None:
    async def one_holds_all_that_it_may() -> None:
        gate, scope = ApiMiddleware(_nothing, cast.web.stage.deps, ConcurrencyLimiter()), {"path": SMALL_SHARES}
        one, other = (Consumer(OrganizationNumber(number)) for number in (READER, NEIGHBOUR))
        async with AsyncExitStack() as held:
            for _ in range(MAX_FORMS_PER_CONSUMER):
                await held.enter_async_context(gate._within_limits(scope, one))
            with pytest.raises(Unavailable):
                await held.enter_async_context(gate._within_limits(scope, one))
            await held.enter_async_context(gate._within_limits(scope, other))
        async with gate._within_limits(scope, one):
            pass

    asyncio.run(one_holds_all_that_it_may())


def test_a_consumer_who_asks_for_very_much_at_once_leaves_threads_for_the_others(cast: Systems) -> None:
    async def one_asks_all_that_it_may() -> None:
        gate, scope = ApiMiddleware(_nothing, cast.web.stage.deps, ConcurrencyLimiter()), {"path": "/api/v1/shares"}
        one, other = (Consumer(OrganizationNumber(number)) for number in (READER, NEIGHBOUR))
        async with AsyncExitStack() as asked:
            for _ in range(MAX_CONCURRENT):
                await asked.enter_async_context(gate._within_limits(scope, one))
            with pytest.raises(ConsumerLimited):
                await asked.enter_async_context(gate._within_limits(scope, one))
            await asked.enter_async_context(gate._within_limits(scope, other))
        async with gate._within_limits(scope, one):
            pass

    asyncio.run(one_asks_all_that_it_may())


def test_a_consumer_over_its_limit_leaves_threads_for_the_others_while_it_is_counted(
    cast: Systems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deldokument.web.http.responses.rate_limit.MAX_COUNTED", 0)
    answer = cast.sharer.get("/shares")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "rate_limited", "1")


def test_a_refusal_for_too_many_requests_at_once_says_when_to_retry(
    cast: Systems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deldokument.web.http.responses.rate_limit.MAX_CONCURRENT", 0)
    answer = cast.sharer.get("/shares")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (429, "rate_limited", "1")
    assert answer.headers["ratelimit"]


async def _nothing(*_: object) -> None:
    """No application."""


def test_a_client_that_may_only_read_shares_nothing(cast: Systems, stage: Stage) -> None:
    answer = cast.reader.call("POST", "/small-shares", files=form(words(stage), FILES))
    assert (answer.status_code, answer.json()["code"]) == (403, "integration_reads_only")
    foreign = cast.neighbour.call("POST", "/small-shares", files=form(words(stage), FILES))
    assert foreign.status_code == 404


def test_the_same_form_under_another_boundary_is_the_same_request(cast: Systems, stage: Stage) -> None:
    named = {"Idempotency-Key": "26-1042-brev"}
    first, second = (sent(cast, form(words(stage), FILES), **named) for _ in range(2))
    assert first.request.headers["content-type"] != second.request.headers["content-type"]
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json() == second.json()
    for other in (FILES[:1], [("annet.pdf", FILES[0][1]), *FILES[1:]], [(FILES[0][0], b"annet"), *FILES[1:]]):
        assert sent(cast, form(words(stage), other), **named).json()["code"] == "idempotency_key_reused"
    assert len(cast.sharer.get("/shares").json()["items"]) == 1


def test_a_named_request_that_is_no_form_is_refused(cast: Systems) -> None:
    headers = {"Idempotency-Key": "one", "Content-Type": "multipart/form-data; boundary=x"}
    for _ in range(2):
        answer = cast.sharer.call("POST", "/small-shares", content=b"--x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "body_malformed")


def test_with_a_full_store_nothing_is_shared_and_a_keyed_request_succeeds_once_there_is_space(
    cast: Systems, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("ENOSPC")

    with monkeypatch.context() as patched:
        patched.setattr(type(stage.deps.blobs), "create", full)
        assert sent(cast, form(words(stage), FILES)).status_code == 507
        unnamed = {share["state"] for share in cast.sharer.get("/shares").json()["items"]}
        parts = httpx.Request("POST", "https://x", files=form(words(stage), FILES))
        named = {"Idempotency-Key": "one", "Content-Type": parts.headers["content-type"]}
        body = parts.read()
        assert cast.sharer.call("POST", "/small-shares", content=body, headers=named).status_code == 507
    assert unnamed == {"abandoned"}
    answer = cast.sharer.call("POST", "/small-shares", content=body, headers=named)
    assert (answer.status_code, answer.json()["state"]) == (201, "available")
    states = [share["state"] for share in cast.sharer.get("/shares").json()["items"]]
    assert sorted(states) == ["abandoned", "available"]
