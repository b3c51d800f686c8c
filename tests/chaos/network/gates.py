"""TCP forwarding between networks: a connection to a port on a host's loopback reaches an address elsewhere.

Hosts reach the simulated registers this way, which listen on this machine's loopback. They also reach the store and
OpenBao, which allow plain HTTP on loopback only, over the host's own cable. Runs in a thread of its own.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterable
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from tests.chaos.network.hosts import Host

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Door:
    """In the loopback of a host (None: of this machine), to an address: seen from there, or from this machine."""

    host: Host | None
    port: int
    target: tuple[str, int]
    by_own_cable: bool = False


class Gates:
    """Doors that stand open as long as the ``with`` lasts."""

    def __init__(self, doors: Iterable[Door]) -> None:
        self._listeners = [(_listener(door), door) for door in doors]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="gates")
        self._over = asyncio.Event()
        self._under_way: set[asyncio.Task[None] | None] = set()
        self._ends: WeakSet[asyncio.WriteTransport] = WeakSet()
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        servers = [await asyncio.start_server(self._passing(door), sock=listener) for listener, door in self._listeners]
        self._ready.set()
        await self._over.wait()
        for server in servers:
            # Not waited for until it is closed: that is when the last idle connection is, minutes later.
            server.close()
        for end in self._ends:
            # `close` would wait until the written bytes are sent, and the peer may be dead.
            end.abort()
        await asyncio.sleep(0)

    def _passing(self, door: Door) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:
        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # The loop itself holds on to no task: one whose ends are both gone would be thrown away unfinished.
            self._under_way.add(asyncio.current_task())
            self._ends.add(writer.transport)
            # A task that the end of the loop cancels must not be reported as an error.
            with suppress(OSError, asyncio.CancelledError), closing(writer.transport):
                there, back = await _connected(door)
                self._ends.add(back.transport)
                with closing(back.transport):
                    await asyncio.gather(_pump(reader, back), _pump(there, writer))
            self._under_way.discard(asyncio.current_task())

        return pass_on


def _socket(host: Host | None) -> socket.socket:
    """Of that host's network."""
    with host.entered() if host else nullcontext():
        return socket.socket()


def _listener(door: Door) -> socket.socket:
    listener = _socket(door.host)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", door.port))
    return listener


async def _connected(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    connection = _socket(door.host if door.by_own_cable else None)
    connection.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(connection, door.target)
        return await asyncio.open_connection(sock=connection)
    except BaseException:
        connection.close()
        raise


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_CHUNK):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
