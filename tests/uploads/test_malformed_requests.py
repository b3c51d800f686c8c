"""Requests whose length is in doubt, and parts of them that never end: refused, and nothing of them is kept."""

import time

import httpx
import pytest

from tests.support.deployment.deployment import Deployment, wait_until
from tests.uploads.tus import Tus, answer_of, connected, sends_fail, status_of


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5\r\n folded",
        "Content-Length : 5",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
    ],
)
def test_a_body_of_doubtful_length_is_refused_and_the_connection_closed(tus: Tus, framing: str) -> None:
    upload = tus.create(10)
    head = upload.request_head(0, 5).decode().replace("Content-Length: 5", framing)
    with connected(tus.deployment) as connection:
        connection.sendall(head.encode() + b"5\r\n12345\r\n0\r\n\r\nGET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    assert said.count(b"HTTP/1.1") == 1
    assert status_of(said) == 400
    assert upload.offset() == 0


@pytest.mark.parametrize(
    "endless",
    [b"X-%d: " % 1 + b"y" * 1_000_000, b"".join(b"X-%d: y\r\n" % n for n in range(100_000)), b"X: y\r\n" * 50_000],
    ids=["one", "many", "same"],
)
def test_an_endless_head_is_refused_at_once(deployment: Deployment, endless: bytes) -> None:
    before = deployment.rss()
    with connected(deployment) as connection:
        began = time.monotonic()
        try:
            connection.sendall(b"POST /uploads HTTP/1.1\r\nHost: x\r\n" + endless * 10)
            said = answer_of(connection)
        except ConnectionError:
            said = b""
        assert time.monotonic() - began < 5
    assert said == b"" or status_of(said) == 400
    assert deployment.rss() - before < 30_000_000
    assert httpx.get(f"{deployment.url}/robots.txt").status_code == 200


@pytest.mark.parametrize(
    "tail", [b"0\r\nX: " + b"y" * 3_000_000, b"1;" + b"e" * 3_000_000], ids=["trailer", "extension"]
)
def test_an_endless_trailer_or_chunk_extension_ends_the_connection(tus: Tus, tail: bytes) -> None:
    upload = tus.create(1_000_000)
    head = upload.request_head(0, 5).decode().replace("Content-Length: 5", "Transfer-Encoding: chunked")
    with connected(tus.deployment) as connection:
        connection.sendall(head.encode() + b"5\r\n12345\r\n")
        wait_until(lambda: sends_fail(connection, tail), 20, "the connection still takes more")
    assert upload.offset() in (0, 5)
