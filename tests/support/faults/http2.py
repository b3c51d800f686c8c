"""A client of HTTP/2 that reads exactly as much of each response as a test wants: it grants no more window (RFC 9113).

with connected(front) as client:
    stream = client.ask("/d/x/dokument/y", {"cookie": "a=b"}, window=1000)
    client.receive(stream, 1000)
"""

import socket
import ssl
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support.servers.nginx import HOST, Front

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 7, 8
_END_STREAM, _END_HEADERS = 1, 4
_INITIAL_WINDOW_SIZE = 4
_MAX_WINDOW, _DEFAULT_WINDOW = 2**31 - 1, 2**16 - 1
_SUCCESS = {b"\x88", b"\x8a"}
"""200 and 206, as HPACK's static table has them (RFC 7541, appendix A)."""
_SECONDS = 60.0


class Http2:
    """One connection. No stream has any window but what it is given when it is asked."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._next = 1
        self._read = Counter[int]()
        self._answered = set[int]()
        self._ended = set[int]()
        connection.sendall(_PREFACE)
        self._send(_SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW_SIZE, 0))
        self._send(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _MAX_WINDOW - _DEFAULT_WINDOW))

    def ask(self, path: str, headers: Mapping[str, str], *, window: int) -> int:
        """Send a GET, and grant so many bytes of its response; return the number of the stream."""
        stream, self._next = self._next, self._next + 2
        asked = {":method": "GET", ":scheme": "https", ":authority": HOST, ":path": path, **headers}
        # Each field is a literal without table lookup, so that no compression is needed.
        block = b"".join(b"\x00" + _string(name) + _string(value) for name, value in asked.items())
        self._send(_HEADERS, _END_STREAM | _END_HEADERS, stream, block)
        if window:
            self._send(_WINDOW_UPDATE, 0, stream, struct.pack(">I", window))
        return stream

    def receive(self, stream: int, count: int) -> None:
        """Wait until the stream has its head, and so many bytes."""
        while stream not in self._answered or self._read[stream] < count:
            assert stream not in self._ended, f"{self._read[stream]} bytes instead of {count}"
            self._take()

    def finish(self, stream: int) -> None:
        """Wait until the stream has ended."""
        while stream not in self._ended:
            self._take()

    def _take(self) -> None:
        """Read one frame."""
        head = self._exactly(9)
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        stream, payload = int.from_bytes(head[5:]), self._exactly(length)
        assert kind not in {_RESET, _GOAWAY}, payload
        if kind == _HEADERS:
            assert payload[:1] in _SUCCESS, payload
            self._answered.add(stream)
        elif kind == _DATA:
            self._read[stream] += length
        if kind in {_HEADERS, _DATA} and flags & _END_STREAM:
            self._ended.add(stream)

    def _exactly(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            read = self._connection.recv(count - len(found))
            assert read, "the proxy has closed the connection"
            found += read
        return bytes(found)

    def _send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._connection.sendall(
            struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
        )


@contextmanager
def connected(front: Front) -> Iterator[Http2]:
    """A connection to the proxy, until the block is left."""
    context = ssl.create_default_context(cafile=str(front.folder / "front.pem"))
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", front.secure), _SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        assert connection.selected_alpn_protocol() == "h2"
        yield Http2(connection)


def _string(text: str) -> bytes:
    """A string literal of HPACK without Huffman coding (RFC 7541, section 5.2)."""
    content, length = text.encode(), b""
    left = len(content)
    if left < 127:
        return bytes([left]) + content
    left -= 127
    while left >= 128:
        length += bytes([left % 128 | 128])
        left //= 128
    return b"\x7f" + length + bytes([left]) + content
