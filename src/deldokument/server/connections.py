"""A connection of the web server: uvicorn's, with bounds on what it lets a client do before a route has its say.

Promises that a head, a trailer or a chunk's extension beyond 64 KiB, and what one reading takes, is refused, however
it is cut into packets, and so are many lines, many requests ahead of their answers, and heads that can be read in two
ways; that nothing is put among the bytes of a response; that a connection from which bytes are awaited and on which
too little comes is closed, and one that takes nothing of its answer, so that idle and creeping clients use up no
descriptors; that a body comes in pieces so small that many at once can be held; and that a route can cut a response
so that neither this process nor the kernel sends any more of it, wait until the kernel takes more of it, ask how much
the other side has not taken, send an interim response before it, and leave a body with the kernel until it asks for
more. Bodies are the routes' business: those that take big ones have time limits of their own, shorter than those
here.
"""

from __future__ import annotations

import asyncio
import fcntl
import select
import socket
import struct
import termios
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
HEAD_SECONDS = 30.0
"""A request's head must be there so long after the connection, or the head itself, began."""
BODY_SECONDS = 150.0
"""So long may less than a trickle come while a body is awaited."""
TRICKLE = 4096
"""Bytes that whoever sends or takes many must move in the time that there is."""
MAX_LINES = 200
"""Headers of a request: many small ones weigh thirty times their bytes."""
MAX_AHEAD = 16
"""Requests that may wait for the answers of those before them."""
_LOOK_SECONDS = 5.0
_CUT = "deldokument.cut"
_INTERIM = "deldokument.interim"
_HOLD = "deldokument.hold"
_WRITABLE = "deldokument.writable"
_UNTAKEN = "deldokument.untaken"
_LINGER_NOT_AT_ALL = struct.pack("ii", 1, 0)


def abort(scope: Scope) -> None:
    """Break the request's connection off with a reset; what has not left this machine is dropped."""
    extension = scope.get("extensions", {}).get(_CUT)
    if extension:
        extension["cut"]()


def send_interim(scope: Scope, status: str, headers: Mapping[str, str]) -> None:
    """Send a response with a 1xx status before the one that the request will have; where that is possible."""
    extension = scope.get("extensions", {}).get(_INTERIM)
    if extension:
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        extension["send"]("\r\n".join(lines).encode("ascii"))


def pause_reading(scope: Scope) -> None:
    """Take nothing more of the request's body from the kernel until the application asks for it."""
    extension = scope.get("extensions", {}).get(_HOLD)
    if extension:
        extension["hold"]()


async def writable(scope: Scope) -> None:
    """Return when the kernel has what was sent of the response and takes more; at once where nobody can tell."""
    extension = scope.get("extensions", {}).get(_WRITABLE)
    if extension:
        await extension["wait"]()


def unsent_bytes(scope: Scope) -> int:
    """Bytes of the response, here and in the kernel, that the other side has not taken; 0 where nobody can tell."""
    extension = scope.get("extensions", {}).get(_UNTAKEN)
    count: int = extension["count"]() if extension else 0
    return count


def _announces_body(header: tuple[bytes, bytes]) -> bool:
    name, value = header
    return name == b"transfer-encoding" or (name == b"content-length" and bool(value.strip(b"0 \t")))


def _must_be_plain(headers: Sequence[tuple[bytes, bytes]], version: str) -> None:
    """Refuse what can be read in two ways: which host is meant (RFC 9112, 3.2), and how a body is coded (6.1)."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (version == "1.1" and not hosts):
        raise ValueError("no host, or several")
    if any(name == b"transfer-encoding" and value.strip().lower() != b"chunked" for name, value in headers):
        raise ValueError("a body coded in another way than in chunks")


class _ReceiveBuffer(threading.local):
    """Where an event loop receives, in its thread, for all its connections: what has come is parsed at once."""

    def __init__(self) -> None:
        # A little more than what pauses a connection, so that one such piece of a body is followed by no other.
        self.view = memoryview(bytearray(HIGH_WATER_LIMIT + 4096))


_received = _ReceiveBuffer()


class _Receiver(asyncio.BufferedProtocol):
    """Hears for a connection: a plain protocol is handed a quarter megabyte at a time, this one what the room holds."""

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection = connection

    def get_buffer(self, _size: int) -> memoryview:
        """Where the next bytes go."""
        return _received.view

    def buffer_updated(self, count: int) -> None:
        """So many have come."""
        self._connection.data_received(_received.view[:count])

    def eof_received(self) -> None:
        """No more will come."""
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """More than enough waits to be sent."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """There is room again."""
        self._connection.resume_writing()


class BoundedConnection(HttpToolsProtocol):
    """One connection."""

    still_seconds = 150.0
    """So long may nothing be taken of what waits to be sent."""
    _watch: asyncio.TimerHandle | None = None
    _writable: asyncio.Event | None = None
    _overhead = 0
    _in_head = True
    _since = 0.0
    _trickled = 0
    _untaken = 0
    _unmoved_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch."""
        super().connection_made(transport)
        transport.set_protocol(_Receiver(self))
        self._since = self.loop.time()
        self._watch = self.loop.call_later(_LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        if self._watch:
            self._watch.cancel()
        if self._writable:
            self._writable.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse; everything that is neither a finished head nor a piece of a body is overhead."""
        self._overhead += len(data)
        if not self._in_head and self.cycle is not None and self.cycle.response_complete:
            # A head begins with whatever comes next, be it an empty line of which the parser says nothing: the server
            # waits no longer for a request that does not come.
            self._in_head, self._since = True, self.loop.time()
        # The parser takes any buffer, and keeps none.
        super().data_received(data)  # type: ignore[arg-type]
        if self._overhead > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The head, or what stands between the pieces of the body, is too long.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._since = True, self.loop.time()
        extensions: dict[str, dict[object, object]] = {
            _CUT: {"cut": self._cut},
            _INTERIM: {"send": self._send_interim},
            _HOLD: {"hold": self.flow.pause_reading},
            _WRITABLE: {"wait": self._wait_writable},
            _UNTAKEN: {"count": self._count_untaken},
        }
        self.scope["extensions"] = extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header. A trailer, which comes when the request is under way, is none (RFC 9110, 6.5.1)."""
        if not self._in_head:
            return
        if len(self.headers) >= MAX_LINES:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._progress()
        self._in_head = False
        _must_be_plain(self.headers, self.parser.get_http_version())
        if self.parser.should_upgrade() and any(map(_announces_body, self.headers)):
            # The parser would take its body for the next request.
            raise ValueError("a body with a request to upgrade")
        if len(self.pipeline) >= MAX_AHEAD:
            raise ValueError("too many requests ahead of their answers")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse; where that would stand among the bytes of another answer, or be taken for it, break off."""
        cycle = self.cycle
        is_asked = cycle is not None and not cycle.response_complete and (cycle.response_started or not cycle.more_body)
        if is_asked or self.pipeline:
            self._cut()
        else:
            super().send_400_response(msg)

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._overhead = 0
        self._trickled += len(body)
        if self._trickled >= TRICKLE:
            self._progress()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._progress()
        super().on_message_complete()

    def _progress(self) -> None:
        self._overhead, self._trickled, self._since = 0, 0, self.loop.time()

    def _look(self) -> None:
        awaited = self._in_head or (self.cycle is not None and self.cycle.more_body and not self.flow.read_paused)
        patience = HEAD_SECONDS if self._in_head else BODY_SECONDS
        if awaited and self.loop.time() - self._since > patience:
            # Not yet the end, where an answer is still to be taken.
            self.transport.close()
        if self._is_stuck():
            self._cut()
        self._watch = self.loop.call_later(_LOOK_SECONDS, self._look)

    def _is_stuck(self) -> bool:
        """Whether nothing has been taken for long of what waits here to be sent."""
        waiting = self.transport.get_write_buffer_size()
        untaken = waiting + self._count_in_kernel() if waiting else 0
        if not untaken or untaken != self._untaken:
            self._untaken, self._unmoved_since = untaken, self.loop.time()
        return self.loop.time() - self._unmoved_since > self.still_seconds

    def _send_interim(self, response: bytes) -> None:
        # HTTP/1.0 knows no interim responses.
        if self.scope["http_version"] == "1.1" and not self.transport.is_closing():
            self.transport.write(response)

    async def _wait_writable(self) -> None:
        await self.flow.drain()
        # The event loop watches no descriptor that a transport of its own has.
        connection = None if self.transport.is_closing() else self._duplicate()
        if connection is None:
            return
        with connection:
            looking = select.poll()
            looking.register(connection, select.POLLOUT)
            if looking.poll(0):
                return
            self._writable = asyncio.Event()
            self.loop.add_writer(connection, self._writable.set)
            try:
                await self._writable.wait()
            finally:
                self.loop.remove_writer(connection)

    def _count_untaken(self) -> int:
        return 0 if self.transport.is_closing() else self.transport.get_write_buffer_size() + self._count_in_kernel()

    def _count_in_kernel(self) -> int:
        connection: Any = self.transport.get_extra_info("socket")
        if connection is None:
            return 0
        # SIOCOUTQ, which for a socket is another name of TIOCOUTQ (tcp(7)).
        [in_kernel] = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
        return int(in_kernel)

    def _duplicate(self) -> socket.socket | None:
        """A descriptor of our own: the server may close its any time. None when there is none left."""
        connection: Any = self.transport.get_extra_info("socket")
        with suppress(OSError):
            duplicate: socket.socket = connection.dup()
            return duplicate
        return None

    def _cut(self) -> None:
        connection: Any = self.transport.get_extra_info("socket")
        # Also one that is closing has its descriptor until all has been taken; one that is gone has none.
        if connection is not None and connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT_AT_ALL)
        self.transport.abort()
