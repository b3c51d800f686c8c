"""RFC 9110 section 14 over the wire: which bytes come for which Range and If-Range, with which headers."""

import base64
import hashlib
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.downloads.conftest import Shared
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, OLA, OLA_NUMBER, SIV, Deployment, wait_until
from tests.support.stored_data import document_receipts

pytestmark = BOTH_SOCKET_MODES
LENGTH = 10_000_000
PART = 32 * (256 * 1024 - 16) - 40


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=500-", 500, LENGTH),
        ("bytes=-500", LENGTH - 500, LENGTH),
        ("bytes=0-99999999", 0, LENGTH),
        ("bytes=-99999999", 0, LENGTH),
        (f"bytes={LENGTH - 1}-", LENGTH - 1, LENGTH),
        (f"bytes={LENGTH - 1}-{LENGTH - 1}", LENGTH - 1, LENGTH),
        ("bytes=262087-262105", 262087, 262106),
        (f"bytes={PART - 1}-{PART}", PART - 1, PART + 1),
        (f"bytes={PART - 300000}-{PART + 300000}", PART - 300000, PART + 300001),
        ("bytes=0007-0009", 7, 10),
        (f"bytes=0-{'9' * 18}", 0, LENGTH),
    ],
)
def test_a_range_is_answered_with_exactly_its_bytes(shared: Shared, asked: str, start: int, stop: int) -> None:
    answer = shared.get(asked)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{LENGTH}"
    assert answer.headers["content-length"] == str(stop - start)
    assert answer.content == shared.content[start:stop]


@pytest.mark.parametrize("asked", ["bytes=-0", f"bytes={LENGTH}-", f"bytes={LENGTH + 5}-{LENGTH + 9}"])
def test_a_range_outside_the_document_is_416_with_its_length(shared: Shared, asked: str) -> None:
    answer = shared.get(asked)
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{LENGTH}"


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=0x0-1",
        "bytes=--5",
        "bytes=0-1;2",
        "bytes 0-1",
        "seconds=0-1",
        "bytes=0-0,-1",
        "bytes=0-9,5-14",
        "bytes=" + ",".join(f"{n}-{n}" for n in range(1000)),
        "bytes=" + "0" * 20 + "1-",
    ],
)
def test_an_unknown_malformed_or_multiple_range_is_ignored(shared: Shared, asked: str) -> None:
    answer = shared.get(asked)
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(LENGTH))
    assert "content-range" not in answer.headers
    assert answer.content == shared.content


@pytest.mark.parametrize("filling", ["0-", "0-0,", "-", "9", " ", "bytes="])
def test_ten_kilobytes_of_range_take_no_longer_than_none(shared: Shared, filling: str) -> None:
    began = time.monotonic()
    answer = shared.ola.head(shared.path, headers={"Range": "bytes=" + filling * (10_000 // len(filling)) + "1"})
    assert answer.status_code == 200
    assert time.monotonic() - began < 2
    began = time.monotonic()
    with shared.ola.stream(
        "GET", shared.path, headers={"Range": "bytes=" + filling * (10_000 // len(filling)) + "1"}
    ) as got:
        assert got.status_code == 200
        assert time.monotonic() - began < 2


def test_the_etag_is_strong_and_the_same_for_whole_part_head_and_416(shared: Shared) -> None:
    answers = [
        shared.get(),
        shared.get("bytes=5-9"),
        shared.get("bytes=-0"),
        shared.ola.head(shared.path),
    ]
    [etag] = {answer.headers["etag"] for answer in answers}
    assert etag.startswith('"')


def test_the_digest_is_that_of_the_whole_document_also_for_a_range(shared: Shared) -> None:
    digest = base64.b64encode(hashlib.sha256(shared.content).digest()).decode()
    for answer in (shared.get(), shared.get("bytes=5-9"), shared.ola.head(shared.path)):
        assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert "repr-digest" not in shared.ola.head(f"/d/{shared.id}/alt.zip").headers


def test_if_range_gives_the_part_only_for_the_present_strong_etag(shared: Shared) -> None:
    whole = shared.get()
    etag = whole.headers["etag"]
    assert shared.get("bytes=0-9", If_Range=etag).status_code == 206
    for other in ('"old"', f"W/{etag}", etag.strip('"'), "Tue, 24 Nov 2026 12:00:00 GMT", whole.headers["date"], ""):
        answer = shared.get("bytes=0-9", If_Range=other)
        assert (answer.status_code, len(answer.content)) == (200, LENGTH), other


def test_head_says_what_get_says_without_the_bytes_and_ignores_range(shared: Shared) -> None:
    whole = shared.get()
    for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=-0"}):
        answer = shared.ola.head(shared.path, headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert [h for h in answer.headers.items() if h[0] != "date"] == [
            h for h in whole.headers.items() if h[0] != "date"
        ]


def test_bytes_are_never_inline_cached_sniffed_or_run(shared: Shared) -> None:
    for answer in (shared.get(), shared.get("bytes=0-9"), shared.get("bytes=-0"), shared.ola.head(shared.path)):
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["accept-ranges"] == "bytes"
        assert "set-cookie" not in answer.headers
        if answer.status_code != 416:
            assert answer.headers["content-disposition"].startswith("attachment;")


def test_bytes_without_a_session_are_401_and_no_redirect(shared: Shared, deployment: Deployment) -> None:
    with deployment.client() as nobody:
        for path in (shared.path, f"/d/{shared.id}/alt.zip", "/d/unknown/dokument/unknown"):
            for method in ("GET", "HEAD"):
                answer = nobody.request(method, path)
                assert answer.status_code == 401
                assert "location" not in answer.headers


def test_a_stranger_gets_the_same_nothing_for_real_and_unreal(shared: Shared, deployment: Deployment) -> None:
    siv = deployment.session(SIV)
    real, unreal = siv.get(shared.path), siv.get("/d/unknown/dokument/" + "0" * 32)
    assert real.status_code == unreal.status_code == 404
    without_token = [answer.text.replace(siv.headers["X-CSRF-Token"], "") for answer in (real, unreal)]
    assert without_token[0].replace(shared.path, "") == without_token[1].replace("/d/unknown/dokument/" + "0" * 32, "")
    assert siv.head(shared.path).status_code == 404


def test_a_document_under_another_share_is_nothing(shared: Shared, deployment: Deployment) -> None:
    other = deployment.share([OLA_NUMBER], {"annet.txt": b"annet"})
    [path] = deployment.document_paths(other)
    mixed = path.replace(other, shared.id)
    assert deployment.session(OLA).get(mixed).status_code == 404


def test_sixteen_parallel_ranges_give_the_document_and_one_receipt(deployment: Deployment, shared: Shared) -> None:
    share_id = deployment.share([OLA_NUMBER], {"vedtak.pdf": shared.content})
    [path] = deployment.document_paths(share_id)
    ola, step = deployment.session(OLA), LENGTH // 16
    ranges = [f"bytes={n * step}-{(n + 1) * step - 1}" for n in range(15)] + [f"bytes={15 * step}-"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda asked: ola.get(path, headers={"Range": asked}), ranges))
    assert {answer.status_code for answer in answers} == {206}
    assert b"".join(answer.content for answer in answers) == shared.content
    # A receipt is written when the bytes have gone, so a moment after the client has them.
    wait_until(lambda: receipts_of(deployment, share_id) == [(((0, LENGTH),), True)], 20, "no one whole receipt")


def receipts_of(deployment: Deployment, share_id: str) -> list[tuple[object, bool]]:
    """The ranges that each reader of the share's documents has had, and whether that is all."""
    return [(r.covered, r.completed_at is not None) for r in document_receipts(deployment.node.deps, share_id)]


def test_head_and_refused_ranges_leave_no_receipt(deployment: Deployment) -> None:
    share_id = deployment.share([OLA_NUMBER], {"vedtak.pdf": b"x" * 1000})
    [path] = deployment.document_paths(share_id)
    ola = deployment.session(OLA)
    ola.head(path)
    ola.head(f"/d/{share_id}/alt.zip")
    ola.get(path, headers={"Range": "bytes=-0"})
    ola.options(path)
    assert receipts_of(deployment, share_id) == []


def test_curl_resumes_to_the_same_bytes(deployment: Deployment, shared: Shared, tmp_path: Path) -> None:
    target = tmp_path / "vedtak.pdf"
    target.write_bytes(shared.content[:3_333_333])
    cookie = "; ".join(f"{name}={value}" for name, value in shared.ola.cookies.items())
    command = ["curl", "-sS", "--fail", "-C", "-", "-b", cookie, "-o", str(target), deployment.url + shared.path]
    subprocess.run(command, check=True, timeout=60)
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(shared.content).digest()
