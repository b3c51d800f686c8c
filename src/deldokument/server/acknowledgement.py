"""Acknowledgement of a response: how much of it the peer has received, and whether it closed with unread bytes.

Guarantees:
- Over TCP: counts no byte that the peer's TCP has not acknowledged. Sees the reset of a peer that closes with unread
  bytes, also after these bytes were acknowledged.
- Over a Unix socket: counts no byte that is not in the peer's receive queue. Sees that a peer closes with unread bytes.

The peer may be a proxy; at a Unix socket it always is. What the proxy's own client has received is unknown.

Sources: tcp(7), TCP_INFO; RFC 2525, section 2.17: a close with unread data is a reset; unix(7), SIOCOUTQ.
"""

import asyncio
import fcntl
import select
import socket
import struct
import termios
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from starlette.types import Scope

SETTLE_SECONDS = 1.0
"""How long after the last acknowledgement a reset still counts."""
WATCH = "deldokument.watch"
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.001, 0.05
_INFO = struct.Struct("B119xQ")
"""The fields tcpi_state and tcpi_bytes_acked of struct tcp_info."""
_CLOSED = 7
"""TCP_CLOSE: the connection was reset. A peer that has only closed its side leaves CLOSE_WAIT."""


def bytes_in_kernel(connection: socket.socket) -> int:
    """Return how many sent bytes the peer has not received. For a Unix socket this includes kernel overhead."""
    # SIOCOUTQ, which for a socket is another name of TIOCOUTQ (tcp(7), unix(7)).
    [count] = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(count)


class SentBytes(ABC):
    """Byte count of a response, from the start of its body.

    Has a duplicate descriptor of the connection, until `close`.
    """

    def __init__(self, connection: socket.socket, heard: asyncio.Event) -> None:
        self._socket = connection
        self._heard = heard

    @property
    @abstractmethod
    def acknowledged(self) -> int:
        """Number of bytes that the peer has received."""

    @property
    @abstractmethod
    def is_reset(self) -> bool:
        """Whether the connection was reset, by the peer or because the peer is unreachable."""

    async def wait_for(self, count: int) -> None:
        """Wait until the peer has received ``count`` bytes, or the connection is reset.

        The kernel reports no event for that, so this polls.
        """
        pause = _FIRST_PAUSE_SECONDS
        while not self._has_arrived(count) and not self.is_reset:
            await self._hear(pause)
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)

    def _has_arrived(self, count: int) -> bool:
        return self.acknowledged >= count

    async def _hear(self, seconds: float) -> None:
        """Wait so long, or until the client sends more bytes: its next request also carries an acknowledgement."""
        if self._heard.is_set():
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()

    async def settles(self, gone: asyncio.Future[None]) -> bool:
        """Wait until the peer closes, sends more, or is silent for SETTLE_SECONDS; return whether it did not reset."""
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


class TcpBytes(SentBytes):
    """Bytes that the peer's TCP has acknowledged."""

    def __init__(self, connection: socket.socket, unacknowledged: Callable[[], int], heard: asyncio.Event) -> None:
        """Count from now on; ``unacknowledged`` counts the earlier bytes that the peer has not acknowledged yet.

        Raises: OSError if the connection is not TCP, or the system does not count.
        """
        super().__init__(connection, heard)
        self._before = self._count_written(unacknowledged)

    def _count_written(self, unacknowledged: Callable[[], int]) -> int:
        """Return how many bytes were written before the body, acknowledged or not."""
        # Bytes that are acknowledged between the two counts would be in both.
        earlier, rest, acknowledged = -1, 0, self._info()[1]
        while acknowledged != earlier:
            earlier, rest, acknowledged = acknowledged, unacknowledged(), self._info()[1]
        return acknowledged + rest

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
        """Whether the connection was reset, by the peer or because the peer is unreachable."""
        return self._info()[0] == _CLOSED


class Written(NamedTuple):
    """Number of bytes of a response's body so far."""

    given: int
    """Given to the server, or moved over its lent socket."""
    lent: int
    """Of these, moved over its lent socket."""
    held: int | None
    """Of these, not given to the kernel yet; None if that is unknown, because the connection closes."""


class UnixBytes(SentBytes):
    """Bytes that the kernel has put into the receive queue of the peer at the other end of a Unix socket.

    After the peer has closed, the kernel reports no unread bytes, even if there were some. So a peer counts as reset if
    it closes before its queue was seen empty.
    """

    def __init__(self, connection: socket.socket, written: Callable[[], Written], heard: asyncio.Event) -> None:
        super().__init__(connection, heard)
        self._written = written
        self._accepted = 0
        self._is_read = False
        self._poll = select.poll()
        self._poll.register(connection, select.POLLRDHUP)

    @property
    def acknowledged(self) -> int:
        """Number of bytes in the peer's queue or read from it: exact, unless the connection has closed since."""
        written = self._written()
        if written.held is not None:
            self._accepted = max(written.given - written.lent - written.held, self._accepted)
        return self._accepted + written.lent

    def _has_arrived(self, count: int) -> bool:
        is_empty = self.acknowledged >= count and not bytes_in_kernel(self._socket)
        self._is_read |= is_empty and not self._poll.poll(0)
        return self._is_read

    @property
    def is_reset(self) -> bool:
        """Whether the peer closed before its queue was seen empty."""
        return not self._is_read and bool(self._poll.poll(0))


def watch_response(scope: Scope) -> SentBytes | None:
    """Watch the bytes that the response sends from now on; None if they cannot be counted.

    Call it when the head has been sent.
    """
    extension = scope.get("extensions", {}).get(WATCH)
    watch: Callable[[], SentBytes | None] | None = extension["watch"] if extension else None
    return watch() if watch else None
