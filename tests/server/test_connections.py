"""What a client may send on a connection besides one plain request after the other."""

import asyncio
import select
import socket
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from deldokument.server.connections import MAX_AHEAD, MAX_LINES, BoundedConnection
from tests.support.servers.local_server import running

pytestmark = pytest.mark.once


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells which headers it sees when it has the whole body; /never never answers, /half not to the end.

    /whole sends a lot at once, /piecewise as much in pieces.
    """
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/never":
        await asyncio.Event().wait()
    if pieces := {"/whole": 1, "/piecewise": 2**8}.get(scope["path"]):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for left in reversed(range(pieces)):
            await send({"type": "http.response.body", "body": bytes(2**24 // pieces), "more_body": left > 0})
        return
    said = b",".join(name for name, _ in scope["headers"])
    length = len(said) + (scope["path"] == "/half")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % length)]})
    await send({"type": "http.response.body", "body": said, "more_body": scope["path"] == "/half"})
    if scope["path"] == "/half":
        await asyncio.Event().wait()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running(app, BoundedConnection, timeout_graceful_shutdown=1) as port:
        yield port


class Impatient(BoundedConnection):
    """Waits a second for those who take nothing."""

    still_seconds = 1.0


@pytest.mark.parametrize("path", [b"/whole", b"/piecewise"])
def test_a_client_that_takes_nothing_is_disconnected_whether_or_not_all_has_been_sent(path: bytes) -> None:
    with running(app, Impatient, timeout_graceful_shutdown=1) as port, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        ended = select.poll()
        ended.register(connection, select.POLLHUP)
        assert ended.poll(60_000)


def said(port: int, *pieces: bytes) -> bytes:
    """All that comes back until the connection ends; each piece is sent when something has come of the one before."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        came = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
                came += connection.recv(65536)
            while more := connection.recv(65536):
                came += more
        except ConnectionResetError:
            came += b"[reset]"
        return came


def test_garbage_is_never_answered_among_the_bytes_of_another_answer(port: int) -> None:
    came = said(port, b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n", b"\0\0\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 400" not in came
    assert came.endswith(b"[reset]")


def test_garbage_is_never_taken_for_the_answer_to_the_request_before_it(port: int) -> None:
    for more in (b"\0\0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: \r\n" * (MAX_LINES + 1) + b"\r\n"):
        assert said(port, b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n" + more) == b"[reset]"


def test_garbage_alone_is_a_bad_request(port: int) -> None:
    assert said(port, b"\0\0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_trailer_is_no_header(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    came = said(port, head + b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert came.endswith(b"\r\n\r\nhost,connection,transfer-encoding")


def test_the_body_of_a_request_to_upgrade_is_never_taken_for_a_request(port: int) -> None:
    inner = b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(
        inner
    )
    for sent in (head, head + inner):
        came = said(port, sent)
        assert came.startswith(b"HTTP/1.1 400 ")
        assert came.count(b"HTTP/1.1 ") == 1


def test_a_request_to_upgrade_without_a_body_is_answered_as_any(port: int) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n"
    for length in (b"", b"Content-Length: 0\r\n"):
        assert said(port, upgrade + length + b"\r\n").startswith(b"HTTP/1.1 200 ")


def test_so_many_headers_are_taken_and_no_more(port: int) -> None:
    head, close = b"GET / HTTP/1.1\r\nHost: x\r\n", b"Connection: close\r\n"
    assert said(port, head + b"a: \r\n" * (MAX_LINES - 2) + close + b"\r\n").startswith(b"HTTP/1.1 200 ")
    assert said(port, head + b"a: \r\n" * (MAX_LINES - 1) + close + b"\r\n").startswith(b"HTTP/1.1 400 ")


def test_so_many_requests_may_wait_for_their_answers_and_no_more(port: int) -> None:
    ahead = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert said(port, ahead * MAX_AHEAD + last).count(b"HTTP/1.1 200 ") == MAX_AHEAD + 1
    assert said(port, b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n" + ahead * (MAX_AHEAD + 1)) == b"[reset]"


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Host: x\r\nHost: y\r\n",
        b"Host: [v1.x]\r\n",
        b"Host:  [V1f.a:b]:80\r\n",
        b"Host: x\r\nTransfer-Encoding: gzip, chunked\r\n",
        b"Host: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    ],
)
def test_an_ambiguous_head_is_refused(port: int, lines: bytes) -> None:
    body = b"1\r\nx\r\n0\r\n\r\n" if b"chunked" in lines else b""
    came = said(port, b"POST / HTTP/1.1\r\nConnection: close\r\n" + lines + b"\r\n" + body)
    assert came.startswith(b"HTTP/1.1 400 ")
    assert came.count(b"HTTP/1.1 ") == 1


def test_a_host_may_be_an_address(port: int) -> None:
    for host in (b"127.0.0.1", b"[::1]", b"[2606:2800:21f::1]:8000", b"v1.x"):
        head = b"GET / HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n"
        assert said(port, head).startswith(b"HTTP/1.1 200 "), host


def test_before_1_1_nobody_must_name_a_host(port: int) -> None:
    assert said(port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


OWN_HEADERS = {"strict-transport-security": "max-age=1; includeSubDomains", "cache-control": "no-store"}


@pytest.fixture
def small() -> Iterator[int]:
    """A server that takes two connections."""
    with running(app, BoundedConnection, max_connections=2, own_headers=OWN_HEADERS) as port:
        yield port


def test_one_connection_more_than_the_limit_is_asked_to_retry_and_the_others_go_on(small: int) -> None:
    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", small), 10) as first:
        first.sendall(ask)
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        with socket.create_connection(("127.0.0.1", small), 10) as second:
            second.sendall(ask)
            assert second.recv(65536).startswith(b"HTTP/1.1 200 ")
            refused = said(small).lower()
            assert refused.startswith(b"http/1.1 503 ")
            assert b"\r\nretry-after: 10\r\n" in refused
            first.sendall(ask)
            assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
            second.sendall(ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            while second.recv(65536):
                pass
        assert said(small, ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


def test_a_full_server_says_so_in_the_log_but_not_for_every_client(
    small: int, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", small), 10), socket.create_connection(("127.0.0.1", small), 10):
        assert [said(small)[:12] for _ in range(3)] == [b"HTTP/1.1 503"] * 3
    assert [record.getMessage() for record in caplog.records] == ["refuses connections: 2 are open"]


def test_what_the_server_refuses_by_itself_has_the_headers_of_every_response(small: int) -> None:
    refused = said(small, b"\0\0\r\n\r\n")
    assert refused.startswith(b"HTTP/1.1 400 ")
    for name, value in OWN_HEADERS.items():
        assert f"\r\n{name}: {value}\r\n".encode() in refused
