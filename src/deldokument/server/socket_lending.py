"""Socket hand-over: lends a connection's socket to a thread, so that large transfers bypass the event loop.

Guarantees:
- While the socket is lent, the server neither reads nor writes the borrower's bytes.
- On return, the server is in the same state as if it had moved the bytes itself. So the rest of a body, the next
  request or a disconnect are handled as usual.
- No socket is lent where that cannot be guaranteed: with TLS, HTTP/1.0, chunked bodies, a pipelined next request, or
  another server.

The internals of uvicorn and uvloop that it depends on are listed in docs/decisions/0021-server-processes.md. An upgrade
that changes them fails in tests/server/test_socket_lending.py.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from httptools import HttpRequestParser
from starlette.types import Scope

from deldokument.server.connections import BoundedConnection

WAIT_SECONDS = 0.2
"""How long a borrower waits for a socket that neither delivers nor accepts bytes."""
_BODY = "deldokument.lend_body"
_ANSWER = "deldokument.lend_answer"
_MOVED = "deldokument.lent_bytes"


class SocketLease:
    """A lease of a socket, until `release`.

    ``left`` bytes may be moved over it; for one thread at a time.
    """

    def __init__(
        self, connection: socket.socket, left: int, take_back: Callable[[int], None], came: bytes = b""
    ) -> None:
        connection.settimeout(WAIT_SECONDS)
        self._socket = connection
        self._take_back = take_back
        self.left = left
        self.came = came
        """The part of a body that the server has already read."""
        self.is_stuck = False
        """No progress, or the other side is gone; the server will find out which."""

    def receive_into(self, buffer: memoryview, until: float) -> int:
        """Fill the buffer with bytes that arrive before ``until`` (monotonic); return their number."""
        return self._move(self._socket.recv_into, buffer, until)

    def send(self, data: memoryview, until: float) -> int:
        """Send the bytes that the kernel accepts before ``until`` (monotonic); return their number."""
        return self._move(self._socket.send, data, until)

    def _move(self, move: Callable[[memoryview], int], data: memoryview, until: float) -> int:
        rest = data[: self.left]
        moved = 0
        while rest and time.monotonic() < until:
            count = 0
            with suppress(OSError):
                count = move(rest)
            if count == 0:
                self.is_stuck = True
                break
            rest = rest[count:]
            moved += count
        self.left -= moved
        return moved

    def release(self) -> None:
        """Give the socket back to the server.

        Call it on the event loop, when no thread uses the lease any more.
        """
        self._socket.close()
        self._take_back(self.left)


def lease_request_body(scope: Scope) -> SocketLease | None:
    """Return a lease of the socket with the rest of the request's body; None if it cannot be lent."""
    extension = scope.get("extensions", {}).get(_BODY)
    lease: SocketLease | None = extension["lend"]() if extension else None
    return lease


async def borrow_answer(scope: Scope, left: int) -> SocketLease | None:
    """Return a lease of the socket for ``left`` more bytes of the response; None if it cannot be lent now."""
    extension = scope.get("extensions", {}).get(_ANSWER)
    lease: SocketLease | None = await extension["lend"](left) if extension else None
    return lease


def lent_bytes(scope: Scope) -> tuple[int, int]:
    """Return how many bytes of the request's body, and of its response, were moved over a lent socket."""
    moved = scope.get("extensions", {}).get(_MOVED, {})
    return moved.get("in", 0), moved.get("out", 0)


class LendingConnection(BoundedConnection):
    """A connection whose socket can be lent."""

    _left: int | None = None
    """Bytes of the body that the parser has not seen; None if the length is unknown."""
    _is_deaf = False
    """True while a new parser is fed a head to set its position in a body."""

    def on_message_begin(self) -> None:
        """Start a head, and attach the lending extensions to the scope."""
        if self._is_deaf:
            return
        super().on_message_begin()
        scope = self.scope
        extensions: dict[str, Any] = scope["extensions"]
        extensions[_BODY] = {"lend": lambda: self._lend_body(scope)}
        extensions[_ANSWER] = {"lend": lambda left: self._lend_answer(scope, left)}
        extensions[_MOVED] = {"in": 0, "out": 0}

    def on_url(self, url: bytes) -> None:
        """Add a piece of the URL."""
        if not self._is_deaf:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header."""
        if not self._is_deaf:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Note the length of the body."""
        if self._is_deaf:
            return
        lengths = [value for name, value in self.headers if name == b"content-length"]
        self._left = int(lengths[0]) if lengths else None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a piece of a body."""
        if self._left is not None:
            self._left -= len(body)
        super().on_body(body)

    def _lend_body(self, scope: Any) -> SocketLease | None:
        cycle = self.cycle
        connection = self._duplicate() if self._left and self._may_lend(scope) else None
        if connection is None or self._left is None:
            return None
        self.flow.pause_reading()
        came, cycle.body = bytes(cycle.body), bytearray()
        cycle.message_event.clear()
        moved, lent = scope["extensions"][_MOVED], self._left

        def take_back(left: int) -> None:
            moved["in"] += len(came) + lent - left
            self._take_body_back(left)

        return SocketLease(connection, lent, take_back, came)

    def _take_body_back(self, left: int) -> None:
        if self.transport.is_closing():
            return
        self._progress()
        self._left, self._is_deaf = left, True
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        # The new parser gets an artificial head, which is ignored, and reads the rest as the body of that request.
        self.parser.feed_data(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % left)
        self._is_deaf = False

    async def _lend_answer(self, scope: Any, left: int) -> SocketLease | None:
        if not self._may_lend(scope):
            return None
        cycle = self.cycle
        # With a write buffer limit of zero, writable means that the buffer is empty.
        self.transport.set_write_buffer_limits(0)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self.flow.drain()
        except TimeoutError:
            return None
        finally:
            if not self.transport.is_closing():
                self.transport.set_write_buffer_limits()
        is_free = self._may_lend(scope) and not self.transport.get_write_buffer_size()
        connection = self._duplicate() if is_free else None
        if connection is None:
            return None

        def take_back(unsent: int) -> None:
            cycle.expected_content_length -= left - unsent
            scope["extensions"][_MOVED]["out"] += left - unsent

        return SocketLease(connection, left, take_back)

    def _lent_out(self, scope: Any) -> int:
        return lent_bytes(scope)[1]

    def _may_lend(self, scope: Any) -> bool:
        cycle = self.cycle
        return (
            cycle.scope is scope
            and scope["http_version"] == "1.1"
            and scope["scheme"] == "http"
            and not cycle.disconnected
            and not cycle.response_complete
            and not cycle.chunked_encoding
            and not self.transport.is_closing()
        )
