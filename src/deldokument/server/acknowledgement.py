"""Acknowledgement of a response: how much of it the peer's TCP has confirmed, and whether the peer has reset.

Guarantees:
- Counts no byte that the peer's TCP has not acknowledged.
- Sees the reset of a peer that closes with unread bytes, also after these bytes were acknowledged.

The peer may be a proxy. Then its own client is out of sight.

Sources: tcp(7), TCP_INFO; RFC 2525, section 2.17: a close with unread data is a reset.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.types import Scope

SETTLE_SECONDS = 1.0
"""How long after the last acknowledgement a reset still counts."""
WATCH = "deldokument.watch"
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.001, 0.05
_INFO = struct.Struct("B119xQ")
"""The fields tcpi_state and tcpi_bytes_acked of struct tcp_info."""
_CLOSED = 7
"""TCP_CLOSE: the connection was reset. A peer that has only closed its side leaves CLOSE_WAIT."""


class SentBytes:
    """Bytes of a response since ``written`` bytes of the connection. Has a descriptor of its own, until `close`."""

    def __init__(self, connection: socket.socket, unsent: int, heard: asyncio.Event) -> None:
        """Count from now on. Raises: OSError if the connection is not TCP, or the system does not count."""
        self._socket = connection
        self._heard = heard
        self._before = self._info()[1] + unsent

    def _info(self) -> tuple[int, int]:
        read = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
        if len(read) < _INFO.size:
            raise OSError("the system does not count acknowledged bytes")
        state, acknowledged = _INFO.unpack(read)
        return state, acknowledged

    @property
    def acknowledged(self) -> int:
        """Number of bytes that the peer's TCP has acknowledged."""
        return max(self._info()[1] - self._before, 0)

    @property
    def is_reset(self) -> bool:
        """Whether the connection was reset, by the peer or because the peer is out of reach."""
        return self._info()[0] == _CLOSED

    async def wait_for(self, count: int) -> None:
        """Wait until the peer has acknowledged ``count`` bytes, or the connection is reset.

        The kernel reports no event for that, so it is asked.
        """
        pause = _FIRST_PAUSE_SECONDS
        while self.acknowledged < count and not self.is_reset:
            await self._hear(pause)
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)

    async def _hear(self, seconds: float) -> None:
        """Wait so long, or until the client sends more: its next request carries an acknowledgement, too."""
        if self._heard.is_set():
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()

    async def settles(self, gone: asyncio.Future[None]) -> bool:
        """Wait until the peer closes, sends more, or is silent for SETTLE_SECONDS; return whether it has not reset."""
        heard = asyncio.ensure_future(self._heard.wait())
        either: list[asyncio.Future[Any]] = [heard, gone]
        try:
            await asyncio.wait(either, timeout=SETTLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heard.cancel()
        return not self.is_reset

    def close(self) -> None:
        """Close the descriptor."""
        self._socket.close()


def watch_response(scope: Scope) -> SentBytes | None:
    """Watch the bytes that the response sends from now on; None if they cannot be counted.

    Call it when the head has been sent.
    """
    extension = scope.get("extensions", {}).get(WATCH)
    watch: Callable[[], SentBytes | None] | None = extension["watch"] if extension else None
    return watch() if watch else None
