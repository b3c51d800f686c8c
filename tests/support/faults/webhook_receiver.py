"""A receiver of webhooks that answers as the test says, byte by byte; with TLS when it is given a context."""

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Behaviour = Callable[[socket.socket, threading.Event], None]
"""Answers one request on a connection; the event is set when the receiver stops."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. Header names in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes


def answering(text: str) -> Behaviour:
    """Send these lines and hang up."""
    return lambda connection, _stopped: connection.sendall(text.replace("\n", "\r\n").encode())


def status(number: int, *headers: str) -> Behaviour:
    """An answer with no content."""
    return answering("\n".join([f"HTTP/1.1 {number} X", *headers, "Content-Length: 0", "", ""]))


def silent(_connection: socket.socket, stopped: threading.Event) -> None:
    """Take the request and never answer."""
    stopped.wait()


@dataclass
class Receiver:
    """Listens on loopback while it is entered."""

    behaviour: Behaviour = field(default_factory=lambda: status(204))
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._listen)]
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stopped.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            pass
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _listen(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopped.is_set():
                connection.close()
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self.tls is None:
                self._answer(connection)
                return
            with self.tls.wrap_socket(connection, server_side=True) as secured:
                self._answer(secured)

    def _answer(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            line = stream.readline().decode("latin-1").strip()
            headers = {}
            while pair := stream.readline().decode("latin-1").strip():
                name, _, value = pair.partition(":")
                headers[name.lower()] = value.strip()
            self.received.append(Received(line, headers, stream.read(int(headers.get("content-length", 0)))))
        self.behaviour(connection, self._stopped)
