"""A connection of the web server: uvicorn's, with bounds on what it lets a client do before a route has its say.

Promises that a head, a trailer or a chunk's extension beyond 64 KiB is refused, however it is cut into packets; that a
connection from which bytes are awaited and on which too little comes is closed, so that idle and creeping clients use
up no descriptors; and that a route can cut a response so that neither this process nor the kernel sends any more of
it, send an interim response before it, and leave a body with the kernel until it asks for more. Bodies are the routes'
business: those that take big ones have time limits of their own, shorter than those here.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
HEAD_SECONDS = 30.0
"""A request's head must be there so long after the connection, or the head itself, began."""
BODY_SECONDS = 150.0
"""So long may nothing come while a body is awaited."""
_LOOK_SECONDS = 5.0
_CUT = "deldokument.cut"
_INTERIM = "deldokument.interim"
_HOLD = "deldokument.hold"
_LINGER_NOT_AT_ALL = struct.pack("ii", 1, 0)


def cut(scope: Scope) -> None:
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


def hold(scope: Scope) -> None:
    """Take nothing more of the request's body from the kernel until the application asks for it."""
    extension = scope.get("extensions", {}).get(_HOLD)
    if extension:
        extension["hold"]()


class BoundedConnection(HttpToolsProtocol):
    """One connection."""

    _watch: asyncio.TimerHandle | None = None
    _overhead = 0
    _in_head = True
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._watch = self.loop.call_later(_LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        if self._watch:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; everything that is neither a finished head nor a piece of a body is overhead."""
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > MAX_HEAD and not self.transport.is_closing():
            if self._in_head and (self.cycle is None or self.cycle.response_complete):
                self.send_400_response("The head is too long.")
            else:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._since = True, self.loop.time()
        extensions: dict[str, dict[object, object]] = {
            _CUT: {"cut": self._cut},
            _INTERIM: {"send": self._send_interim},
            _HOLD: {"hold": self.flow.pause_reading},
        }
        self.scope["extensions"] = extensions

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._progress()
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._progress()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._progress()
        super().on_message_complete()

    def _progress(self) -> None:
        self._overhead, self._since = 0, self.loop.time()

    def _look(self) -> None:
        awaited = self._in_head or (self.cycle is not None and self.cycle.more_body and not self.flow.read_paused)
        patience = HEAD_SECONDS if self._in_head else BODY_SECONDS
        if awaited and self.loop.time() - self._since > patience:
            self.transport.close()
            return
        self._watch = self.loop.call_later(_LOOK_SECONDS, self._look)

    def _send_interim(self, response: bytes) -> None:
        # HTTP/1.0 knows no interim responses.
        if self.scope["http_version"] == "1.1" and not self.transport.is_closing():
            self.transport.write(response)

    def _cut(self) -> None:
        connection: Any = self.transport.get_extra_info("socket")
        if connection is not None and not self.transport.is_closing():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT_AT_ALL)
        self.transport.abort()
