"""A socket is lent to a thread and given back, by the very uvicorn, uvloop and httptools that are installed.

When an upgrade changes what deldokument.server.socket_lending leans on inside them, it shows here.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from deldokument.adapters.documents.signing import create_seal_certificate
from deldokument.server.connections import BoundedConnection
from deldokument.server.socket_lending import (
    LendingConnection,
    SocketLease,
    borrow_answer,
    lease_request_body,
    lent_bytes,
)
from tests.support.deployment.deployment import wait_until
from tests.support.servers.local_server import dialled, running

BODY = bytes(range(256)) * 4000
FIRST = 1000
Connect = Callable[[], socket.socket]
NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: "


@dataclass
class Borrower:
    """An application that has a thread take ``in_thread`` bytes of the body, or send so many of its answer, BODY."""

    in_thread: int
    lent: list[bool] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    counted: list[tuple[int, int]] = field(default_factory=list)
    """The bytes that the server says were moved over lent sockets, and those that were."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            await self._take(scope, receive)
            await answer(send, b"taken")
        elif scope["path"] == "/next":
            await answer(send, b"next")
        else:
            await self._give(scope, send)

    async def _take(self, scope: Scope, receive: Receive) -> None:
        message = await receive()
        body, left = bytearray(message["body"]), message["more_body"]
        lease = lease_request_body(scope)
        self.lent.append(lease is not None)
        if lease:
            by_thread = lease.came + await asyncio.to_thread(received, lease, self.in_thread)
            body += by_thread
            left = lease.left
            lease.release()
            self.counted.append((lent_bytes(scope)[0], len(by_thread)))
        while left:
            message = await receive()
            self.ends.append(message["type"])
            if message["type"] == "http.disconnect":
                break
            body += message["body"]
            left = message["more_body"]
        self.bodies.append(bytes(body))

    async def _give(self, scope: Scope, send: Send) -> None:
        await send(start(len(BODY)))
        await send({"type": "http.response.body", "body": BODY[:FIRST], "more_body": True})
        lease, sent = await borrow_answer(scope, len(BODY) - FIRST), FIRST
        self.lent.append(lease is not None)
        if lease:
            piece = memoryview(BODY)[FIRST : FIRST + self.in_thread]
            sent += await asyncio.to_thread(lease.send, piece, time.monotonic() + 60)
            lease.release()
            self.counted.append((lent_bytes(scope)[1], sent - FIRST))
        await send({"type": "http.response.body", "body": BODY[sent:]})


def received(lease: SocketLease, count: int) -> bytes:
    """So many bytes; less when there is no more, for WAIT_SECONDS or ever."""
    buffer = memoryview(bytearray(count))
    return bytes(buffer[: lease.receive_into(buffer, time.monotonic() + 60)])


def start(length: int) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(length).encode())]}


async def answer(send: Send, body: bytes) -> None:
    await send(start(len(body)))
    await send({"type": "http.response.body", "body": body})


def head(length: int, version: str = "1.1", *, more: str = "") -> bytes:
    return f"POST / HTTP/{version}\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n".encode()


def all_that_is_said(connection: socket.socket, at_least: int) -> bytes:
    said = b""
    while len(said) < at_least and (more := connection.recv(65536)):
        said += more
    return said


def saying(*bodies: bytes) -> bytes:
    return b"".join(OK + str(len(body)).encode() + b"\r\n\r\n" + body for body in bodies)


@pytest.fixture(params=["TCP", "Unix"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Where a Unix socket is; None for TCP."""
    return None if request.param == "TCP" else tmp_path


def talk(connect: Connect, sent: bytes, expected: bytes, *later: bytes) -> None:
    """Exactly that is answered on one connection, and after it to a request that comes ``later``."""
    with connect() as connection:
        connection.sendall(sent)
        for piece in later:
            connection.sendall(piece)
        assert all_that_is_said(connection, len(expected)) == expected
        connection.sendall(NEXT)
        assert all_that_is_said(connection, len(saying(b"next"))) == saying(b"next")


@pytest.mark.parametrize("in_thread", [len(BODY), 300_000, 1], ids=["all", "some", "hardly any"])
def test_what_follows_a_body_that_a_thread_has_taken_is_heard(folder: Path | None, in_thread: int) -> None:
    app = Borrower(in_thread)
    with dialled(folder, app, LendingConnection) as connect:
        talk(connect, head(len(BODY)) + BODY[:FIRST], saying(b"taken"), BODY[FIRST:])
    assert app.lent == [True]
    assert app.bodies == [BODY]
    assert app.counted
    assert all(counted == moved for counted, moved in app.counted)


def test_a_request_sent_behind_the_body_survives_the_lease(folder: Path | None) -> None:
    app = Borrower(len(BODY))
    with dialled(folder, app, LendingConnection) as connect:
        talk(
            connect,
            head(len(BODY)) + BODY[:FIRST],
            saying(b"taken", b"next", b"taken"),
            BODY[FIRST:] + NEXT + head(1) + b"x",
        )
    assert app.bodies == [BODY, b"x"]


def test_a_client_gets_100_continue_before_its_body_is_lent(folder: Path | None) -> None:
    app = Borrower(len(BODY))
    with (
        dialled(folder, app, LendingConnection) as connect,
        connect() as connection,
    ):
        connection.sendall(head(len(BODY), more="Expect: 100-continue\r\n"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert all_that_is_said(connection, len(saying(b"taken"))) == saying(b"taken")
    assert (app.lent, app.bodies) == ([True], [BODY])


@pytest.mark.parametrize("abrupt", [False, True], ids=["closed", "reset"])
def test_a_client_that_leaves_while_its_socket_is_lent_is_seen_to_have_left(folder: Path | None, abrupt: bool) -> None:
    app = Borrower(len(BODY))
    with dialled(folder, app, LendingConnection) as connect:
        with connect() as connection:
            connection.sendall(head(len(BODY)) + BODY[:FIRST])
            wait_until(lambda: bool(app.lent), 60, "nothing was lent")
            if abrupt:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wait_until(lambda: bool(app.bodies), 60, "it was not seen")
    assert app.ends[-1] == "http.disconnect"
    assert BODY.startswith(app.bodies[0])


@pytest.mark.parametrize("in_thread", [len(BODY) - FIRST, 300_000, 1], ids=["all", "some", "hardly any"])
def test_what_follows_an_answer_that_a_thread_has_sent_is_sent(folder: Path | None, in_thread: int) -> None:
    app = Borrower(in_thread)
    with dialled(folder, app, LendingConnection) as connect:
        talk(connect, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", saying(BODY))
    assert app.lent == [True]
    assert app.counted
    assert all(counted == moved for counted, moved in app.counted)


def test_an_answer_with_a_request_waiting_behind_it_is_not_lent_and_comes_whole(folder: Path | None) -> None:
    app = Borrower(len(BODY))
    with dialled(folder, app, LendingConnection) as connect:
        talk(connect, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + NEXT, saying(BODY, b"next"))
    assert app.lent == [False]


def test_what_cannot_be_lent_is_not(folder: Path | None) -> None:
    app = Borrower(len(BODY))
    with dialled(folder, app, LendingConnection) as connect, connect() as old:
        talk(
            connect,
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            saying(b"taken"),
            b"1\r\nx\r\n0\r\n\r\n",
        )
        old.sendall(head(3, "1.0") + b"xy")
        old.sendall(b"z")
        assert old.recv(12) == b"HTTP/1.1 200"
    with dialled(folder, app, BoundedConnection) as connect:
        talk(connect, head(len(BODY)) + BODY[:FIRST], saying(b"taken"), BODY[FIRST:])
    assert app.lent == [False, False, False]
    assert app.bodies == [b"x", b"xyz", BODY]


def test_a_socket_under_tls_is_not_lent(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    create_seal_certificate(key, certificate, operator_name="x", operator_number="", at=datetime.now(UTC))
    credulous = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    credulous.check_hostname, credulous.verify_mode = False, ssl.CERT_NONE
    app = Borrower(len(BODY))
    with (
        running(app, LendingConnection, ssl_certfile=str(certificate), ssl_keyfile=str(key)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as bare,
        credulous.wrap_socket(bare) as connection,
    ):
        connection.sendall(head(len(BODY)) + BODY)
        assert all_that_is_said(connection, len(saying(b"taken"))) == saying(b"taken")
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert all_that_is_said(connection, len(saying(BODY))) == saying(BODY)
    assert app.lent == [False, False]
