"""A network that breaks: everything goes through it to the server until it has carried so many bytes."""

import contextlib
import socket
import struct
import threading
from typing import Self

_PIECE = 64 * 1024
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER of no time. A socket that was shut down no longer opens its window. A client that filled it would wait
for its own timeout, 30 seconds."""


class Relay:
    """Listens on a port of its own. Each number in ``cuts`` is how many bytes pass upwards before everything breaks;
    after the last of them nothing breaks any more."""

    def __init__(self, port: int, *cuts: int) -> None:
        self._port = port
        self._cuts = list(cuts)
        self._carried = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def unused_cuts(self) -> int:
        return len(self._cuts)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._break()

    def _break(self) -> None:
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)) as server:
            with self._lock:
                self._open |= {client, server}
            down = threading.Thread(target=_carry, args=(server, client), daemon=True)
            down.start()
            self._upwards(client, server)
            down.join()
            with self._lock:
                self._open -= {client, server}

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(_PIECE):
                with self._lock:
                    self._carried += len(piece)
                    broken = bool(self._cuts) and self._carried >= self._cuts[0]
                    if broken:
                        self._cuts.pop(0)
                        self._carried = 0
                if broken:
                    self._break()
                server.sendall(piece)
        _end(server)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    _end(target)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
