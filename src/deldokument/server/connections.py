"""HTTP connection of the server: uvicorn's, with limits on what a client may do before a route runs.

Guarantees:
- Refuses a head, a trailer or a chunk extension of more than 64 KiB plus one read, however it is split into packets.
- Refuses too many headers, too many pipelined requests, and ambiguous heads (request smuggling).
- Never inserts anything into the bytes of a response.
- Closes a connection on which expected bytes are missing or too slow, or whose client does not read its response. So
  idle and slow clients do not use up descriptors.
- Passes a body on in small pieces, so that many connections need little memory.
- Has a limited number of connections; the next one gets 503, and is closed unread.

A route can do the following with its connection:
- cut a response, so that neither this process nor the kernel sends any more of it
- wait until the kernel accepts more
- ask how many bytes the client has not yet acknowledged
- watch how many bytes of its response the client has received
- leave a body in the kernel until it asks for more

Routes that accept large bodies have their own, shorter time limits.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from deldokument.server.acknowledgement import WATCH, SentBytes, TcpBytes, UnixBytes, Written, bytes_in_kernel

MAX_HEAD = 64 * 1024
HEAD_SECONDS = 30.0
"""Time for a request's head, from the start of the connection or of the head itself."""
BODY_SECONDS = 150.0
"""Time in which at least `TRICKLE` bytes must come while a body is expected."""
TRICKLE = 4096
"""Minimum number of bytes that a client must move within the time limit."""
MAX_LINES = 200
"""Headers per request: many small ones take thirty times their bytes in memory."""
MAX_AHEAD = 16
"""Pipelined requests that may wait for the responses to earlier ones."""
_LOOK_SECONDS = 5.0
_FULL_LOG_SECONDS = 60.0
_CUT = "deldokument.cut"
_HOLD = "deldokument.hold"
_WRITABLE = "deldokument.writable"
_UNTAKEN = "deldokument.untaken"
_LINGER_NOT_AT_ALL = struct.pack("ii", 1, 0)

log = logging.getLogger("deldokument.server")


class BoundedConfig(uvicorn.Config):
    """Settings of uvicorn, and of the connections.

    ``own_headers`` are headers of responses that the server sends without the application.
    """

    def __init__(
        self,
        app: Any,
        *,
        max_connections: int | None = None,
        own_headers: Mapping[str, str] | None = None,
        **given: Any,
    ) -> None:
        super().__init__(app, **given)
        self.max_connections = max_connections
        self.own_headers = own_headers or {}
        self.full_logged_at = -_FULL_LOG_SECONDS


def abort(scope: Scope) -> None:
    """Reset the request's connection; bytes that have not left this machine are discarded."""
    extension = scope.get("extensions", {}).get(_CUT)
    if extension:
        extension["cut"]()


def pause_reading(scope: Scope) -> None:
    """Leave the rest of the request's body in the kernel until the application asks for it."""
    extension = scope.get("extensions", {}).get(_HOLD)
    if extension:
        extension["hold"]()


async def writable(scope: Scope) -> None:
    """Wait until the kernel has taken the response so far and accepts more; return at once if that is unknown."""
    extension = scope.get("extensions", {}).get(_WRITABLE)
    if extension:
        await extension["wait"]()


def unsent_bytes(scope: Scope) -> int:
    """Return how many response bytes, here and in the kernel, the client has not acknowledged; 0 if unknown."""
    extension = scope.get("extensions", {}).get(_UNTAKEN)
    count: int = extension["count"]() if extension else 0
    return count


def _announces_body(header: tuple[bytes, bytes]) -> bool:
    name, value = header
    return name == b"transfer-encoding" or (name == b"content-length" and bool(value.strip(b"0 \t")))


def _must_be_plain(headers: Sequence[tuple[bytes, bytes]], version: str) -> None:
    """Refuse ambiguous heads (request smuggling): the host (RFC 9112, 3.2) and the body's coding (6.1)."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (version == "1.1" and not hosts):
        raise ValueError("no host, or several")
    if any(host.lstrip().lower().startswith(b"[v") for host in hosts):
        raise ValueError("an IP address of a version that does not exist (IPvFuture)")
    if any(name == b"transfer-encoding" and value.strip().lower() != b"chunked" for name, value in headers):
        raise ValueError("a body coded in another way than in chunks")


class _ReceiveBuffer(threading.local):
    """Receive buffer that all connections of an event loop share: data is parsed as it arrives."""

    def __init__(self) -> None:
        # Slightly more than the high-water mark that pauses a connection, so one full piece of a body pauses
        # reading.
        self.view = memoryview(bytearray(HIGH_WATER_LIMIT + 4096))


_received = _ReceiveBuffer()


class _Receiver(asyncio.BufferedProtocol):
    """Protocol that receives for a connection into the shared buffer; a plain Protocol would get 256 KiB at a time."""

    def __init__(self, connection: BoundedConnection) -> None:
        self._connection = connection

    def get_buffer(self, _size: int) -> memoryview:
        """Return the buffer for the next bytes."""
        return _received.view

    def buffer_updated(self, count: int) -> None:
        """Pass received bytes to the connection."""
        self._connection.data_received(_received.view[:count])

    def eof_received(self) -> None:
        """Pass the end of the stream to the connection."""
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the connection that it is lost."""
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        """Tell the connection that the write buffer is full."""
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        """Tell the connection that the write buffer has space again."""
        self._connection.resume_writing()


class BoundedConnection(HttpToolsProtocol):
    """One HTTP connection with limits."""

    config: BoundedConfig
    still_seconds = 150.0
    """Time after which a connection is reset if the client takes none of the bytes that wait to be sent."""
    _watch: asyncio.TimerHandle | None = None
    _writable: asyncio.Event | None = None
    _heard: asyncio.Event | None = None
    _overhead = 0
    _in_head = True
    _since = 0.0
    _trickled = 0
    _untaken = 0
    _unmoved_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer that checks the limits."""
        super().connection_made(transport)
        transport.set_protocol(_Receiver(self))
        self._since = self.loop.time()
        self._watch = self.loop.call_later(_LOOK_SECONDS, self._look)
        if self.config.max_connections is not None and len(self.connections) > self.config.max_connections:
            self._refuse()

    def _refuse(self) -> None:
        # A proxy that cannot send its request tries another node.
        self._answer_alone("503 Service Unavailable", "Too many connections.", {"retry-after": "10"})
        now = self.loop.time()
        if now - self.config.full_logged_at >= _FULL_LOG_SECONDS:
            self.config.full_logged_at = now
            log.warning("refuses connections: %d are open", self.config.max_connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        if self._watch:
            self._watch.cancel()
        if self._writable:
            self._writable.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes | memoryview) -> None:
        """Parse received data; bytes that belong neither to a finished head nor to a body count as overhead."""
        self._overhead += len(data)
        if self._heard:
            self._heard.set()
        if not self._in_head and self.cycle is not None and self.cycle.response_complete:
            # The next byte starts a head, even an empty line that the parser does not report. So the time limit
            # for heads applies.
            self._in_head, self._since = True, self.loop.time()
        # The parser accepts any buffer, and keeps none.
        super().data_received(data)  # type: ignore[arg-type]
        if self._overhead > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The head, or what stands between the pieces of the body, is too long.")

    def on_message_begin(self) -> None:
        """Start a head, and attach this connection's extensions to the scope."""
        super().on_message_begin()
        self._in_head, self._since = True, self.loop.time()
        extensions: dict[str, dict[object, object]] = {
            _CUT: {"cut": self._cut},
            _HOLD: {"hold": self.flow.pause_reading},
            _WRITABLE: {"wait": self._wait_writable},
            _UNTAKEN: {"count": self._count_untaken},
            WATCH: {"watch": self._watch_response},
        }
        self.scope["extensions"] = extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header. Trailers, which come during the request, are ignored (RFC 9110, 6.5.1)."""
        if not self._in_head:
            return
        if len(self.headers) >= MAX_LINES:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the complete head."""
        self._progress()
        self._in_head = False
        _must_be_plain(self.headers, self.parser.get_http_version())
        if self.parser.should_upgrade() and any(map(_announces_body, self.headers)):
            # The parser would read the body as the next request.
            raise ValueError("a body with a request to upgrade")
        if len(self.pipeline) >= MAX_AHEAD:
            raise ValueError("too many requests ahead of their answers")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Send 400. Reset the connection instead if the client could read the 400 as part of another response."""
        cycle = self.cycle
        is_asked = cycle is not None and not cycle.response_complete and (cycle.response_started or not cycle.more_body)
        if is_asked or self.pipeline:
            self._cut()
        else:
            self._answer_alone("400 Bad Request", msg, {})

    def _answer_alone(self, status: str, text: str, headers: Mapping[str, str]) -> None:
        """Send a response without the application, then close the connection."""
        own = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(text)),
            "connection": "close",
            **self.config.own_headers,
            **headers,
        }
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in own.items()), "", text]
        self.transport.write("\r\n".join(lines).encode("ascii"))
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Count a piece of a body."""
        self._overhead = 0
        self._trickled += len(body)
        if self._trickled >= TRICKLE:
            self._progress()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        self._progress()
        super().on_message_complete()

    def _progress(self) -> None:
        self._overhead, self._trickled, self._since = 0, 0, self.loop.time()

    def _look(self) -> None:
        awaited = self._in_head or (self.cycle is not None and self.cycle.more_body and not self.flow.read_paused)
        patience = HEAD_SECONDS if self._in_head else BODY_SECONDS
        if awaited and self.loop.time() - self._since > patience:
            # The transport still sends the bytes in its buffer.
            self.transport.close()
        if self._is_stuck():
            self._cut()
        self._watch = self.loop.call_later(_LOOK_SECONDS, self._look)

    def _is_stuck(self) -> bool:
        """Return whether the client has for too long read none of the waiting bytes."""
        waiting = self.transport.get_write_buffer_size()
        untaken = waiting + self._count_in_kernel() if waiting else 0
        if not untaken or untaken != self._untaken:
            self._untaken, self._unmoved_since = untaken, self.loop.time()
        return self.loop.time() - self._unmoved_since > self.still_seconds

    async def _wait_writable(self) -> None:
        await self.flow.drain()
        # The event loop refuses to watch a descriptor that belongs to one of its transports.
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

    def _watch_response(self) -> SentBytes | None:
        connection = None if self.transport.is_closing() else self._duplicate()
        if connection is None:
            return None
        self._heard = asyncio.Event()
        if self.pipeline:
            self._heard.set()
        if connection.family == socket.AF_UNIX:
            return UnixBytes(connection, self._body_written(), self._heard)
        try:
            return TcpBytes(connection, self._count_untaken, self._heard)
        except OSError:
            connection.close()
            return None

    def _body_written(self) -> Callable[[], Written]:
        """Return a function that counts the bytes of this response's body."""
        cycle: Any = self.cycle
        scope, length = self.scope, cycle.expected_content_length

        def report_written() -> Written:
            # A transport that closes may have dropped the bytes that it held.
            held = None if self.transport.is_closing() else self.transport.get_write_buffer_size()
            return Written(length - cycle.expected_content_length, self._lent_out(scope), held)

        return report_written

    def _lent_out(self, _scope: Any) -> int:
        """Return how many bytes of the response were moved past the transport."""
        return 0

    def _count_untaken(self) -> int:
        return 0 if self.transport.is_closing() else self.transport.get_write_buffer_size() + self._count_in_kernel()

    def _count_in_kernel(self) -> int:
        connection: Any = self.transport.get_extra_info("socket")
        return 0 if connection is None else bytes_in_kernel(connection)

    def _duplicate(self) -> socket.socket | None:
        """Return a duplicate of the descriptor, which the server may close at any time; None if none is left."""
        connection: Any = self.transport.get_extra_info("socket")
        with suppress(OSError):
            duplicate: socket.socket = connection.dup()
            return duplicate
        return None

    def _cut(self) -> None:
        connection: Any = self.transport.get_extra_info("socket")
        # A closing transport has its descriptor until all bytes have been sent; a closed one has none.
        if connection is not None and connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT_AT_ALL)
        self.transport.abort()
