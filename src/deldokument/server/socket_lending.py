"""A connection that lends its socket to a thread, so that the bytes of a big transfer pass the event loop by.

Promises that while the socket is lent the server neither reads nor writes the bytes that are the borrower's; that it is
given back in the state in which the server would have been had it moved them itself, so that whatever follows, the rest
of a body, the next request, a disconnect, comes as ever; and that None is lent where that cannot be promised: TLS,
HTTP/1.0, chunked bodies, a successor in the pipeline, any other server.

What it leans on inside uvicorn and uvloop stands in docs/decisions/0035-a-socket-is-lent-to-a-thread.md; an upgrade
that changes it fails in tests/server/test_socket_lending.py. Deliberately does not know who is quick enough to be lent
a socket.
"""

from __future__ import annotations

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
"""So long a borrower waits for a socket that neither brings nor takes anything."""
_BODY = "deldokument.lend_body"
_ANSWER = "deldokument.lend_answer"


class SocketLease:
    """A socket on loan, until `give_back`. ``left`` bytes may be moved by it; for one thread at a time."""

    def __init__(
        self, connection: socket.socket, left: int, take_back: Callable[[int], None], came: bytes = b""
    ) -> None:
        connection.settimeout(WAIT_SECONDS)
        self._socket = connection
        self._take_back = take_back
        self.left = left
        self.came = came
        """What the server has already read of a body."""
        self.is_stuck = False
        """Nothing moves, or the other side is gone: which of them, the server will see."""

    def receive_into(self, buffer: memoryview, until: float) -> int:
        """Fill the room as far as bytes come before ``until`` (monotonic); how many came."""
        return self._move(self._socket.recv_into, buffer, until)

    def send(self, data: memoryview, until: float) -> int:
        """Send as much as is taken before ``until`` (monotonic); how much that was."""
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
        """On the event loop, when no thread uses it any more."""
        self._socket.close()
        self._take_back(self.left)


def lease_request_body(scope: Scope) -> SocketLease | None:
    """The socket that brings the rest of the request's body, if it can be had."""
    extension = scope.get("extensions", {}).get(_BODY)
    lease: SocketLease | None = extension["lend"]() if extension else None
    return lease


async def borrow_answer(scope: Scope, left: int) -> SocketLease | None:
    """The socket that takes ``left`` more bytes of the response, if it can be had now."""
    extension = scope.get("extensions", {}).get(_ANSWER)
    lease: SocketLease | None = await extension["lend"](left) if extension else None
    return lease


class LendingConnection(BoundedConnection):
    """One connection."""

    _left: int | None = None
    """Bytes of the body that the parser has not seen; None when only its end will tell."""
    _is_deaf = False
    """A fresh parser is being told where in a body it is."""

    def on_message_begin(self) -> None:
        """A head begins."""
        if self._is_deaf:
            return
        super().on_message_begin()
        scope = self.scope
        extensions: dict[str, Any] = scope["extensions"]
        extensions[_BODY] = {"lend": lambda: self._lend_body(scope)}
        extensions[_ANSWER] = {"lend": lambda left: self._lend_answer(scope, left)}

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        if not self._is_deaf:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        if not self._is_deaf:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._is_deaf:
            return
        lengths = [value for name, value in self.headers if name == b"content-length"]
        self._left = int(lengths[0]) if lengths else None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
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
        return SocketLease(connection, self._left, self._take_body_back, came)

    def _take_body_back(self, left: int) -> None:
        if self.transport.is_closing():
            return
        self._progress()
        self._left, self._is_deaf = left, True
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        # To the parser the rest is the whole body of a request, whose head nobody hears of.
        self.parser.feed_data(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % left)
        self._is_deaf = False

    async def _lend_answer(self, scope: Any, left: int) -> SocketLease | None:
        if not self._may_lend(scope):
            return None
        cycle = self.cycle
        # Without room for anything in the buffer, writable means that it is empty.
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

        return SocketLease(connection, left, take_back)

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
