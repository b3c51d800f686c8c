"""The IETF's draft of resumable uploads, where it is switched on: the same uploads by other words."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from tests.support.server import SOCKET_MODES, Deployment, Deployments, SocketMode, Ticket, kept, wait_until
from tests.uploads.tus import Tus, Uploading, answer_of, connected

FIVE_GIB = 5 * 2**30
PARTIAL = "application/partial-upload"
PROBLEMS = "https://iana.org/assignments/http-problem-types#"


@pytest.fixture(scope="module")
def all_willing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    """Start what ``willing`` returns."""

    def start(mode: SocketMode | None) -> AbstractContextManager[Deployment]:
        assert mode is not None
        settings = {"resumable_upload_draft": True}
        return mode.deployment(tmp_path_factory.mktemp("willing"), settings=settings, worker=False)

    with kept("willing", start) as started:
        yield started


@pytest.fixture(scope="module")
def willing(all_willing: Deployments, request: pytest.FixtureRequest) -> Deployment:
    """A deployment with the draft switched on."""
    return all_willing(getattr(request, "param", SocketMode(lend_sockets=True)))


BOTH = pytest.mark.parametrize("willing", SOCKET_MODES, indirect=True)
"""For tests in which bytes are stored; what is refused before is refused by the same code."""


@pytest.fixture
def sender(willing: Deployment) -> Tus:
    draft_id = willing.draft()
    willing.add_recipients(draft_id, ["21879498012"])
    return Tus(willing, draft_id)


def bearer(ticket: Ticket) -> dict[str, str]:
    return {"Authorization": ticket.headers["Authorization"]}


def post(sender: Tus, ticket: Ticket, complete: str, content: Any = b"", **more: str) -> httpx.Response:
    headers = bearer(ticket) | {"Upload-Complete": complete} | {k.replace("_", "-"): v for k, v in more.items()}
    return httpx.post(f"{sender.deployment.url}/uploads", headers=headers, content=content, timeout=100)


def patch(upload: Uploading, offset: object, complete: str, content: Any = b"", **more: str) -> httpx.Response:
    headers = bearer(upload.ticket) | {
        "Upload-Offset": str(offset),
        "Upload-Complete": complete,
        "Content-Type": PARTIAL,
    }
    return httpx.patch(
        upload.url, headers=headers | {k.replace("_", "-"): v for k, v in more.items()}, content=content, timeout=100
    )


def head(upload: Uploading) -> tuple[int, str, str, str]:
    answer = httpx.head(upload.url, headers=bearer(upload.ticket))
    told = answer.headers
    assert told["cache-control"] == "no-store"
    return answer.status_code, told["upload-offset"], told["upload-complete"], told["upload-length"]


def begun(sender: Tus, length: int) -> Uploading:
    """An upload created without content."""
    ticket = sender.announce(length)
    answer = post(sender, ticket, "?0", Upload_Length=str(length))
    assert answer.status_code == 201, answer.text
    return Uploading(sender.deployment, ticket, answer.headers["location"])


def problem_of(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix(PROBLEMS)


def test_the_draft_is_off_unless_it_is_switched_on(tus: Tus) -> None:
    assert post(tus, tus.announce(3), "?1", b"abc").status_code == 412
    assert "accept-patch" not in httpx.options(f"{tus.deployment.url}/uploads").headers


def test_options_offer_it_beside_tus(sender: Tus) -> None:
    told = httpx.options(f"{sender.deployment.url}/uploads").headers
    assert (told["accept-patch"], told["upload-limit"]) == (PARTIAL, f"max-size={FIVE_GIB}")
    assert "concatenation" in told["tus-extension"]


@BOTH
def test_a_document_in_one_request_comes_out_whole(sender: Tus) -> None:
    content = os.urandom(20_000_000)
    answer = post(sender, sender.announce(len(content)), "?1", content)
    assert (answer.status_code, answer.headers["upload-complete"]) == (201, "?1")
    assert sender.received() == content


@BOTH
def test_a_document_in_many_requests_comes_out_whole(sender: Tus) -> None:
    upload = begun(sender, 10)
    assert head(upload) == (204, "0", "?0", "10")
    answer = patch(upload, 0, "?0", b"12345")
    assert (answer.status_code, answer.headers["upload-complete"], answer.headers["upload-offset"]) == (204, "?0", "5")
    assert head(upload) == (204, "5", "?0", "10")
    answer = patch(upload, 5, "?1", iter([b"67", b"890"]))
    assert (answer.status_code, answer.headers["upload-complete"]) == (204, "?1")
    assert head(upload) == (204, "10", "?1", "10")
    assert sender.received() == b"1234567890"


@BOTH
def test_an_empty_document_is_complete_when_it_is_created(sender: Tus) -> None:
    answer = post(sender, sender.announce(0), "?1")
    assert (answer.status_code, answer.headers["upload-complete"]) == (201, "?1")
    assert sender.received() == b""


@BOTH
def test_a_last_request_without_content_says_that_it_is_complete(sender: Tus) -> None:
    upload = begun(sender, 5)
    assert patch(upload, 0, "?0", b"12345").headers["upload-complete"] == "?0"
    assert patch(upload, 5, "?1").headers["upload-complete"] == "?1"
    assert sender.received() == b"12345"


def test_limits_are_told_with_the_address_and_with_the_offset(sender: Tus) -> None:
    ticket = sender.announce(10)
    created = post(sender, ticket, "?0")
    asked = httpx.head(sender.deployment.url + created.headers["location"], headers=bearer(ticket))
    for answer in (created, asked):
        size, age = answer.headers["upload-limit"].split(", ")
        assert size == f"max-size={FIVE_GIB}"
        assert 86_000 < int(age.removeprefix("max-age=")) <= 86_400


def creation_head(sender: Tus, ticket: Ticket, length: int, *more: str) -> bytes:
    lines = [
        "POST /uploads HTTP/1.1",
        f"Host: 127.0.0.1:{sender.deployment.port}",
        f"Authorization: {ticket.headers['Authorization']}",
        "Upload-Complete: ?1",
        f"Content-Length: {length}",
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@BOTH
def test_who_names_the_interop_version_is_told_the_address_before_the_bytes_and_goes_on_there(sender: Tus) -> None:
    content = os.urandom(3_000_000)
    ticket = sender.announce(len(content))
    with connected(sender.deployment) as connection:
        connection.sendall(creation_head(sender, ticket, len(content), "Upload-Draft-Interop-Version: 8"))
        interim = answer_of(connection)
        connection.sendall(content[:2_000_000])
        lines = interim.decode().split("\r\n")
        told = dict(line.split(": ", 1) for line in lines[1:] if line)
        assert lines[0] == "HTTP/1.1 104 Upload Resumption Supported"
        assert told["Upload-Draft-Interop-Version"] == "8"
        assert told["Upload-Limit"].startswith("max-size=")
        upload = Uploading(sender.deployment, ticket, told["Location"])
    wait_until(lambda: int(head(upload)[1]) > 0, 30, "nothing of the broken request was kept")
    offset = int(head(upload)[1])
    assert patch(upload, offset, "?1", content[offset:]).status_code == 204
    assert sender.received() == content


@BOTH
def test_who_names_the_interop_version_is_told_how_far_it_has_come(sender: Tus) -> None:
    content = os.urandom(48_000_000)
    ticket = sender.announce(len(content))
    with connected(sender.deployment) as connection:
        opening = creation_head(sender, ticket, len(content), "Upload-Draft-Interop-Version: 8")
        connection.sendall(opening + content[:24_000_000])
        said = answer_of(connection)
        # A store may need longer for the first of it than the rest would take to come.
        while b"Upload-Offset" not in said:
            said += answer_of(connection)
        connection.sendall(content[24_000_000:])
        while b"HTTP/1.1 201 " not in said:
            said += answer_of(connection)
    offsets = [int(offset) for offset in re.findall(rb"Upload-Offset: (\d+)", said)]
    assert offsets == sorted(offsets)
    assert offsets[-1] <= len(content)
    assert said.count(b"Location:") == said.count(b"HTTP/1.1 104 ") - len(offsets) == 1
    assert sender.received() == content


@BOTH
@pytest.mark.parametrize("version", [[], ["Upload-Draft-Interop-Version: 7"]], ids=["none", "another"])
def test_another_interop_version_gets_no_interim_response(sender: Tus, version: list[str]) -> None:
    ticket = sender.announce(3)
    with connected(sender.deployment) as connection:
        connection.sendall(creation_head(sender, ticket, 3, *version) + b"abc")
        assert answer_of(connection).startswith(b"HTTP/1.1 201 ")


def test_a_wrong_offset_is_a_conflict_that_tells_both(sender: Tus) -> None:
    upload = begun(sender, 10)
    patch(upload, 0, "?0", b"123")
    answer = patch(upload, 5, "?0", b"x")
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "3")
    assert problem_of(answer) == "mismatching-upload-offset"
    told = json.loads(answer.text)
    assert (told["expected-offset"], told["provided-offset"]) == (3, 5)


def test_whoever_creates_again_what_has_begun_is_told_where_to_go_on(sender: Tus) -> None:
    upload = begun(sender, 10)
    patch(upload, 0, "?0", b"123")
    answer = post(sender, upload.ticket, "?0", b"1")
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "3")
    told = json.loads(answer.text)
    assert (told["expected-offset"], told["provided-offset"]) == (3, 0)


@BOTH
def test_lengths_that_do_not_fit_together_change_nothing(sender: Tus) -> None:
    upload = begun(sender, 10)
    ticket = upload.ticket
    answers = [
        post(sender, ticket, "?1", b"123"),
        post(sender, ticket, "?0", b"123", Upload_Length="9"),
        post(sender, ticket, "?0", b"x" * 11),
        patch(upload, 0, "?1", b"123"),
        patch(upload, 0, "?0", b"x" * 11),
        patch(upload, 0, "?0", b"123", Upload_Length="11"),
        patch(upload, 0, "?1"),
    ]
    assert [(answer.status_code, problem_of(answer)) for answer in answers] == [(400, "inconsistent-upload-length")] * 7
    assert head(upload)[1] == "0"


@BOTH
def test_what_is_inconsistent_only_at_its_end_is_refused_there(sender: Tus) -> None:
    upload = begun(sender, 10)
    assert problem_of(patch(upload, 0, "?0", iter([b"x" * 11]))) == "inconsistent-upload-length"
    assert problem_of(patch(upload, 0, "?1", iter([b"123"]))) == "inconsistent-upload-length"
    assert head(upload)[1:3] == ("3", "?0")
    assert patch(upload, 3, "?1", b"4567890").status_code == 204
    assert sender.received() == b"1234567890"


@BOTH
def test_a_complete_upload_takes_nothing_more(sender: Tus) -> None:
    upload = begun(sender, 3)
    patch(upload, 0, "?1", b"abc")
    assert problem_of(patch(upload, 3, "?1", b"x")) == "inconsistent-upload-length"
    assert problem_of(patch(upload, 3, "?1", iter([b"x"]))) == "completed-upload"
    assert problem_of(patch(upload, 1, "?1", b"x")) == "completed-upload"
    assert patch(upload, 3, "?1").status_code == 204
    assert sender.received() == b"abc"


def test_a_cancelled_upload_is_gone_with_its_document(sender: Tus) -> None:
    upload = begun(sender, 10)
    assert httpx.delete(upload.url, headers=bearer(upload.ticket)).status_code == 204
    assert httpx.head(upload.url, headers=bearer(upload.ticket)).status_code == 404
    assert patch(upload, 0, "?0", b"x").status_code == 404
    assert sender.deployment.document_paths(sender.draft) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Complete": ""}, 400),
        ({"Upload-Complete": "true"}, 400),
        ({"Upload-Complete": "1"}, 400),
        ({"Upload-Offset": ""}, 400),
        ({"Upload-Offset": "-1"}, 400),
        ({"Upload-Offset": "zero"}, 400),
        ({"Upload-Length": "ten"}, 400),
        ({"Content-Type": "application/offset+octet-stream"}, 415),
        ({"Content-Type": "application/octet-stream"}, 415),
    ],
)
def test_what_cannot_be_read_changes_nothing(sender: Tus, headers: dict[str, str], status: int) -> None:
    upload = begun(sender, 10)
    given = bearer(upload.ticket) | {"Upload-Offset": "0", "Upload-Complete": "?0", "Content-Type": PARTIAL}
    answer = httpx.patch(upload.url, headers=given | headers, content=b"x")
    assert answer.status_code == status
    assert status != 415 or answer.headers["accept-patch"] == PARTIAL
    assert head(upload)[1] == "0"


def test_a_media_type_is_compared_without_case_and_parameters(sender: Tus) -> None:
    upload = begun(sender, 10)
    given = bearer(upload.ticket) | {"Upload-Offset": "0", "Upload-Complete": "?0"}
    answer = httpx.patch(upload.url, headers=given | {"Content-Type": f"{PARTIAL.upper()}; a=b"}, content=b"x")
    assert (answer.status_code, head(upload)[1]) == (204, "1")


def test_a_post_to_an_upload_does_nothing_whatever_method_it_names(sender: Tus) -> None:
    upload = begun(sender, 10)
    given = bearer(upload.ticket) | {"Upload-Complete": "?0", "X-HTTP-Method-Override": "DELETE"}
    assert httpx.post(upload.url, headers=given, content=b"x").status_code == 405
    assert head(upload)[1] == "0"


def test_without_its_token_there_is_nothing(sender: Tus) -> None:
    upload, other = begun(sender, 10), begun(sender, 11)
    for headers in ({}, {"Authorization": "Bearer wrong"}, bearer(other.ticket)):
        given = headers | {"Upload-Offset": "0", "Upload-Complete": "?0", "Content-Type": PARTIAL}
        answers = [
            httpx.head(upload.url, headers=headers),
            httpx.patch(upload.url, headers=given, content=b"x"),
            httpx.delete(upload.url, headers=headers),
        ]
        assert {answer.status_code for answer in answers} == {404}
    assert post(sender, Ticket("", "", 0, "wrong"), "?1").status_code == 404
    assert head(upload)[1] == "0"


@BOTH
def test_an_upload_begun_by_one_protocol_goes_on_by_the_other(sender: Tus) -> None:
    upload = begun(sender, 9)
    assert patch(upload, 0, "?0", b"123").status_code == 204
    assert upload.patch(3, b"456").status_code == 204
    assert patch(upload, 6, "?1", b"789").status_code == 204
    assert sender.received() == b"123456789"


def test_a_piece_of_tus_is_no_upload_of_the_draft(sender: Tus) -> None:
    ticket = sender.announce(10)
    piece = sender.post(ticket, 5, {"Upload-Concat": "partial"}).headers["location"]
    upload = Uploading(sender.deployment, ticket, piece)
    assert httpx.head(upload.url, headers=bearer(ticket)).status_code == 404
    assert patch(upload, 0, "?0", b"x").status_code == 404
    assert upload.offset() == 0
