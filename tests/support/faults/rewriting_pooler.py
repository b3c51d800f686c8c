"""A pooler between the service and PostgreSQL that does not do its job: it exchanges keys in what passes through.

It reads the messages of the wire protocol (version 3), and writes keys of equal length in their places, so that no
length changes.
"""

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import make_url

_BIND, _DATA_ROW = b"B", b"D"


@dataclass
class RewritingPooler:
    """Where it listens, and which keys it exchanges: in the values of statements, or in the rows of answers."""

    url: str
    asked: tuple[bytes, bytes] | None = None
    """Instead of the first key, the statement asks for the second."""
    answered: tuple[bytes, bytes] | None = None
    """In the answer, each of the two keys is in the place of the other."""
    rewritten: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)

    def forwarded(self, kind: bytes, content: bytes) -> bytes:
        """The message that is passed on instead."""
        wanted = content
        if kind == _BIND and self.asked:
            wanted = content.replace(*self.asked)
        if kind == _DATA_ROW and self.answered:
            wanted = _exchanged(content, *self.answered)
            # In the text format, bytes are in hexadecimal.
            wanted = _exchanged(wanted, *(one.hex().encode() for one in self.answered))
        self.rewritten += wanted != content
        return wanted


def _exchanged(content: bytes, one: bytes, other: bytes) -> bytes:
    either = b"|".join(map(re.escape, (one, other)))
    return re.sub(either, lambda found: other if found[0] == one else one, content)


def _read(source: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        piece = source.recv(length - len(found))
        if not piece:
            raise ConnectionError
        found += piece
    return bytes(found)


def _pump(pooler: RewritingPooler, source: socket.socket, target: socket.socket, *, begins: bool) -> None:
    with suppress(OSError):
        if begins:
            # The first message has no type byte.
            head = _read(source, 4)
            target.sendall(head + _read(source, struct.unpack("!I", head)[0] - 4))
        while True:
            kind, head = _read(source, 1), _read(source, 4)
            content = _read(source, struct.unpack("!I", head)[0] - 4)
            target.sendall(kind + head + pooler.forwarded(kind, content))
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _accept(pooler: RewritingPooler, listening: socket.socket, server: tuple[str, int]) -> None:
    opened = list[socket.socket]()
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            onward = socket.create_connection(server)
            opened += [client, onward]
            for end in (client, onward):
                # Each message is sent separately, and would otherwise wait for the acknowledgement of the previous one.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target, begins in ((client, onward, True), (onward, client, False)):
                thread = threading.Thread(target=_pump, args=(pooler, source, target), kwargs={"begins": begins})
                thread.start()
                pooler._threads.append(thread)
    for one in opened:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    for thread in pooler._threads:
        thread.join()
    for one in opened:
        one.close()


@contextmanager
def rewriting_pooler(url: str) -> Iterator[RewritingPooler]:
    """A pooler before the database at the URL, until the block is left."""
    real = make_url(url)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        pooled = real.set(host="127.0.0.1", port=listening.getsockname()[1], query=dict(real.query) | plain)
        pooler = RewritingPooler(pooled.render_as_string(hide_password=False))
        server = (str(real.host), int(real.port or 5432))
        thread = threading.Thread(target=_accept, args=(pooler, listening, server))
        thread.start()
        try:
            yield pooler
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
