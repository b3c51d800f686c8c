"""The public and the management application in one process, each on its own listener.

Guarantees:
- Both listeners close together on a signal.
- Running requests get ``UNDER_WAY_SECONDS`` to finish. After that, requests without a response get 503, and the
  connections of the others are closed. The process waits until receipts of interrupted downloads are written.
- No access log: paths contain ids of shares, and the audit trail has the events that must be kept.
"""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deldokument.server.connections import BoundedConfig, BoundedConnection
from deldokument.server.socket_lending import LendingConnection
from deldokument.server.supervisor import end_at_a_signal, has_to_end

UNDER_WAY_SECONDS = 10
"""Time for running requests after a signal; the tasks of those then cut off have as long again."""


_BACKLOG: Final = 2048
_SOCKET_MODE: Final = 0o660
_FIRST_INHERITED: Final = 3
"""SD_LISTEN_FDS_START of sd_listen_fds(3)."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket for all server processes.

    Raises: OSError.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.setblocking(False)
    return listener


def listen_at(path: Path) -> socket.socket:
    """Return a listening Unix socket for all server processes.

    Its owner and its group may connect. It replaces a stale socket, at which no process listens. Only one process at
    a time may call this for a path.

    Raises: OSError; EADDRINUSE also if the file is no socket.
    """
    if _is_stale(path):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        # Nobody can connect before the socket listens.
        path.chmod(_SOCKET_MODE)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def _is_stale(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        # EAGAIN: a process listens, but its queue is full.
        probe.setblocking(False)
        return path.is_socket() and probe.connect_ex(str(path)) == errno.ECONNREFUSED


def inherited_listener() -> socket.socket | None:
    """Return the listening socket that the service manager has passed to this process; None if it has passed none.

    It stays open in the service manager, so connections wait there during a restart (sd_listen_fds(3)).

    Raises: ValueError if there are several, or it is not a listening stream socket.
    """
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return None
    if (count := os.environ.pop("LISTEN_FDS", "")) != "1":
        raise ValueError(f"{count or 'no'} sockets, not 1")
    listener = socket.socket(fileno=_FIRST_INHERITED)
    if listener.type != socket.SOCK_STREAM or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ValueError("not a listening stream socket")
    listener.set_inheritable(False)
    listener.setblocking(False)
    return listener


@dataclass(frozen=True, slots=True)
class Listeners:
    """The listening sockets of a node."""

    public: socket.socket
    management: socket.socket

    def close(self) -> None:
        """Close both sockets in this process."""
        self.public.close()
        self.management.close()


def serve_both(
    public: ASGIApp,
    management: ASGIApp,
    listeners: Listeners,
    *,
    lend_sockets: bool,
    max_connections: int,
    own_headers: Mapping[str, str],
) -> None:
    """Serve until a signal comes; then end the process by SystemExit.

    ``max_connections`` limits the public listener. ``own_headers``: as in BoundedConfig.
    """
    beside = ManagementServer(_config(management, BoundedConnection))
    connection = LendingConnection if lend_sockets else BoundedConnection
    limited = _config(
        _answering_when_cut_off(public, own_headers),
        connection,
        max_connections=max_connections,
        own_headers=own_headers,
    )
    server = Server(limited, beside, listeners)
    logging.getLogger("uvicorn.error").addFilter(_is_fault)
    # uvicorn raises the signal again after shutdown; that should end the process normally, not kill it.
    end_at_a_signal()
    server.run(sockets=[listeners.public])


def _answering_when_cut_off(app: ASGIApp, own_headers: Mapping[str, str]) -> ASGIApp:
    """Wrap the application so that cut-off requests get 503, as if no node responded; uvicorn would send 500."""
    headers = {"content-length": "0", "connection": "close", "retry-after": "1", **own_headers}
    encoded = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def note_and_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await app(scope, receive, note_and_send)
        except asyncio.CancelledError:
            if has_begun:
                raise
            await send({"type": "http.response.start", "status": 503, "headers": encoded})
            await send({"type": "http.response.body"})

    return answer


def _is_fault(record: logging.LogRecord) -> bool:
    """Return whether a log record is a fault. The traceback of a cut-off request is not: only that cancels requests."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _config(app: ASGIApp, connection: type[BoundedConnection], **limits: Any) -> BoundedConfig:
    return BoundedConfig(
        app,
        **limits,
        loop="uvloop",
        http=connection,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=UNDER_WAY_SECONDS,
    )


class ManagementServer(uvicorn.Server):
    """The management server. It runs in the event loop of the public server, which handles the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server(uvicorn.Server):
    """The public server; the management server starts and stops with it."""

    def __init__(self, config: uvicorn.Config, management: ManagementServer, listeners: Listeners) -> None:
        super().__init__(config)
        self._management = management
        self._listeners = listeners
        self._managing: asyncio.Task[None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._managing = asyncio.create_task(self._management.serve([self._listeners.management]))
        # A signal may have come before this server handled signals. A signal that comes now must not be lost, so no
        # `|=`, which could overwrite the handler's value.
        if has_to_end():
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._management.should_exit = True
        await super().shutdown(sockets)
        with suppress(TimeoutError):
            async with asyncio.timeout(UNDER_WAY_SECONDS):
                while tasks := self.server_state.tasks:
                    await asyncio.wait(tasks)
        await self._managing
