"""HTTP connections: the application sees the same requests however the bytes arrive, in any thread.

A desynchronised parser would take the body of one request for the head of another (request smuggling). Each run feeds
the same bytes to a connection on a real socket: at once, in pieces, and with the socket lent to a thread.
"""

import asyncio
import fcntl
import logging
import socket
import struct
import termios
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache

import h11
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from deldokument.server.connections import BoundedConnection
from deldokument.server.socket_lending import LendingConnection, lease_request_body

_MOST = 4096
_TURNS = 12
"""Turns of the event loop after which a connection waits for more bytes: a request takes a few."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that the application received whole."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@dataclass
class Application:
    """Records whole requests. With ``lends``, a thread's lease takes so many bytes of each body."""

    client: socket.socket
    rest: bytes = b""
    lends: int = 0
    seen: list[Seen] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
            if more and self.lends:
                body += self._leased(scope)
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        self.seen.append(Seen(scope["method"], target, tuple(scope["headers"]), bytes(body)))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    def _leased(self, scope: Scope) -> bytes:
        """Take bytes of the body from the socket, as a transfer thread does, after the client has sent the rest."""
        lease = lease_request_body(scope)
        if lease is None:
            return b""
        rest, self.rest = self.rest, b""
        self.client.sendall(rest)
        taken = memoryview(bytearray(min(self.lends, lease.left, len(rest))))
        count = lease.receive_into(taken, time.monotonic() + 10)
        came = lease.came
        lease.release()
        return came + taken[:count]


@cache
def _loop() -> asyncio.AbstractEventLoop:
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).disabled = True
    return asyncio.new_event_loop()


async def _talk(kind: type[BoundedConnection], pieces: list[bytes], lends: int = 0) -> tuple[list[Seen], bytes]:
    """Return the requests that the application saw, and the responses."""
    client, server = socket.socketpair()
    with closing(client):
        client.setblocking(False)
        app = Application(client, lends=lends)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        config.load()
        state, loop = ServerState(), asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(lambda: kind(config, state, {}), server)
        answers = bytearray()
        for number, piece in enumerate(pieces):
            app.rest = b"".join(pieces[number + 1 :]) if lends else b""
            with suppress(ConnectionError):
                client.sendall(piece)
            await _settle(server, client, answers)
            if lends and not app.rest:
                break
        transport.abort()
        await _settle(server, client, answers)
        for task in list(state.tasks):
            assert task.done() or task.cancel()
        return app.seen, bytes(answers)


async def _settle(server: socket.socket, client: socket.socket, answers: bytearray) -> None:
    """Let the connection process everything that has been sent."""
    idle = 0
    while idle < _TURNS:
        await asyncio.sleep(0)
        idle = 0 if _unread(server) else idle + 1
        with suppress(BlockingIOError, ConnectionError):
            answers += client.recv(65536)


def _unread(connection: socket.socket) -> int:
    if connection.fileno() < 0:
        return 0
    [count] = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4)))
    return int(count)


def _seen(kind: type[BoundedConnection], pieces: list[bytes], lends: int = 0) -> tuple[list[Seen], bytes]:
    return _loop().run_until_complete(_talk(kind, pieces, lends))


def _same_beginning(some: list[Seen], others: list[Seen]) -> bool:
    """Return whether one list continues the other: an error may be met sooner when more bytes come at once."""
    shared = min(len(some), len(others))
    return some[:shared] == others[:shared]


def request_heads(data: bytes) -> None:
    """Feed bytes at once and in pieces; compare the first request with another parser's."""
    size, sent = 1 + (data[0] if data else 0) % 64, data[1:_MOST]
    whole, answers = _seen(BoundedConnection, [sent])
    apart, _ = _seen(BoundedConnection, [sent[at : at + size] for at in range(0, len(sent), size)])
    assert _same_beginning(whole, apart)
    assert answers.count(b"HTTP/1.1 200 ") <= len(whole)
    if whole and (other := _by_h11(sent)):
        assert (whole[0].method, whole[0].body) == (other.method, other.body)


def _by_h11(sent: bytes) -> Seen | None:
    """Return the first request as h11 reads it; None if it refuses it, or finds it unfinished."""
    parser, body, head = h11.Connection(h11.SERVER), bytearray(), None
    with suppress(h11.RemoteProtocolError):
        parser.receive_data(sent)
        while True:
            event = parser.next_event()
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return Seen(head.method.decode(), head.target, (), bytes(body))
            else:
                return None
    return None


def socket_lending(data: bytes) -> None:
    """Feed a request whose body a thread takes in part, and what follows it."""
    cut, lends, sent = *(data[:2] if len(data) > 2 else b"\x40\x01"), data[2:_MOST]
    alone, _ = _seen(BoundedConnection, [sent])
    lent, _ = _seen(LendingConnection, [sent[: 16 * cut + 1], sent[16 * cut + 1 :]], 1 + lends)
    assert _same_beginning(alone, lent)
    unlent, _ = _seen(LendingConnection, [sent[: 16 * cut + 1], sent[16 * cut + 1 :]])
    assert _same_beginning(alone, unlent)
