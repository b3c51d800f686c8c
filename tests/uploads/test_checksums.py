"""Upload-Checksum of tus: right ones are taken; a wrong one leaves offset and store as they were."""

import os
from pathlib import Path

import httpx
import pytest

from tests.support.deployment.deployment import BOTH_SOCKET_MODES, Deployment
from tests.uploads.tus import Tus, blobs, checksum


def open_files(deployment: Deployment) -> int:
    return sum(1 for _ in Path(f"/proc/{deployment.server.pid}/fd").iterdir())


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_the_right_checksum_is_taken(tus: Tus, algorithm: str) -> None:
    content = os.urandom(10_000_000)
    upload = tus.create(len(content))
    half = len(content) // 2
    for at, piece in ((0, content[:half]), (half, content[half:])):
        assert upload.patch(at, piece, Upload_Checksum=checksum(piece, algorithm)).status_code == 204
    assert tus.received() == content


@BOTH_SOCKET_MODES
def test_a_wrong_checksum_leaves_the_offset_and_the_store_as_they_were(tus: Tus) -> None:
    content = os.urandom(10_000_000)
    upload = tus.create(len(content))
    upload.patch(0, content[:1000])
    before = blobs(tus.deployment)
    assert upload.patch(1000, content[1000:], Upload_Checksum=checksum(b"other")).status_code == 460
    assert upload.offset() == 1000
    assert blobs(tus.deployment) <= before
    assert upload.patch(1000, content[1000:], Upload_Checksum=checksum(content[1000:])).status_code == 204
    assert tus.received() == content


@pytest.mark.parametrize(
    "value", ["md5 1B2M2Y8AsgTpgAmY7PhCfg==", "crc32 AAAAAA==", "sha256", "sha256 !!!", "sha256 AAAA", "", "SHA-256 x"]
)
def test_an_unknown_or_unreadable_checksum_is_a_bad_request(tus: Tus, value: str) -> None:
    upload = tus.create(10)
    assert upload.patch(0, b"x", Upload_Checksum=value).status_code == 400
    assert upload.offset() == 0


def test_a_checksum_of_no_ascii_is_a_bad_request(tus: Tus) -> None:
    upload = tus.create(10)
    headers = [(name.encode(), value.encode()) for name, value in upload.headers(0).items()]
    answer = httpx.patch(upload.url, headers=[*headers, (b"Upload-Checksum", b"sha256 \xe9")], content=b"x")
    assert answer.status_code == 400


@BOTH_SOCKET_MODES
def test_a_checksum_holds_few_files_open_however_large_the_request(tus: Tus) -> None:
    content = os.urandom(8_000_000) * 20
    upload = tus.create(len(content))
    with upload.raw(0, len(content), content[:-1], Upload_Checksum=checksum(content)) as connection:
        during = open_files(tus.deployment)
        assert upload.offset() == 0
        connection.sendall(content[-1:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 204")
    settled = open_files(tus.deployment)
    assert during - settled < 12
