"""Malware scans by an ICAP server (RFC 3507, RESPMOD with a preview): the port `Scanner`.

Guarantees:
- A report is CLEAN only from a server that finds the test samples, one of them at the end of a longest document.
- If the server hangs, dies, breaks the protocol or modifies a document without naming malware, the call raises
  Unavailable.
- The connection is to this machine, or has TLS with a verified certificate.
- At most one buffer of the content is in memory.

ICAP has no field for the date of the signatures. So a clean document gets the verdict STALE; see
docs/operate/connect.md.
"""

import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from time import monotonic
from typing import Final, Unpack
from urllib.parse import urlsplit

from deldokument.adapters.clamd import (
    PROBE_SECONDS,
    Content,
    Limits,
    SocketScanner,
    check_samples,
    receive,
    verdict_of_threat,
)
from deldokument.adapters.scan_samples import TEST_VIRUS
from deldokument.domain.errors import Unavailable
from deldokument.domain.shares.scanning import Engine
from deldokument.domain.shares.share import Verdict

MAX_PREVIEW: Final = 4096
_END: Final = b"\r\n\r\n"
_STATUS: Final = re.compile(r"ICAP/1\.\d (\d{3})\b")
_THREAT: Final = re.compile(r"Threat=([^;]+)")
_PREVIEW: Final = re.compile(r"[0-9]{0,9}")
_NAME: Final = re.compile(r"[!-~][ -~]{0,199}")
_NOTHING_FOUND: Final = 204
_CONTINUE: Final = 100
_REQUEST_HEAD: Final = b"GET http://deldokument.invalid/document HTTP/1.1\r\nHost: deldokument.invalid\r\n\r\n"
_ZEROS: Final = bytes(2**20)


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]

    @property
    def threat(self) -> str | None:
        """The name of the malware; None if the server names none."""
        found = self.headers.get("x-infection-found")
        if found is None:
            return self.headers.get("x-virus-id")
        named = _THREAT.search(found)
        return named[1].strip() if named else "unnamed"


class IcapScanner(SocketScanner):
    """The port `Scanner`. ``url``: ``icap://HOST:PORT/SERVICE`` on this machine, or ``icaps://…``."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None, **limits: Unpack[Limits]) -> None:
        super().__init__(limits, "icap")
        self._url = urlsplit(url)
        self._tls = tls or ssl.create_default_context()
        self._preview = 0

    def engine(self) -> Engine:
        """Return the server and its tag, after it has found the test samples."""
        options = self._options()
        engine = Engine(options.headers.get("service", "ICAP"), options.headers.get("istag", "").strip('"'), None)
        is_known = self._proven is not None and self._proven[0] == engine
        if not is_known:
            self._find_at_the_limit()
        if self._proven is None or not is_known or self._proven[1] < monotonic():
            check_samples("icap", lambda sample: self._scan_content([sample], len(sample))[0])
            self._proven = engine, monotonic() + PROBE_SECONDS
        return engine

    def answers(self) -> bool:
        """Return whether the server answers an OPTIONS request."""
        with suppress(Unavailable):
            return bool(self._options())
        return False

    def _scan_content(self, content: Content, length: int, waiting: Callable[[], object] = bool) -> tuple[Verdict, str]:
        return self._result(self._respmod(content, length, waiting))

    def _find_at_the_limit(self) -> None:
        """Check that the server examines a document of the maximum length: some servers pass longer ones unexamined."""
        zeros, rest = divmod(max(self._max_bytes - len(TEST_VIRUS), 0), len(_ZEROS))
        content = chain((_ZEROS for _ in range(zeros)), (bytes(rest), TEST_VIRUS))
        length = zeros * len(_ZEROS) + rest + len(TEST_VIRUS)
        if self._scan_content(content, length)[0] is not Verdict.INFECTED:
            raise Unavailable("scanner", detail="icap does not examine documents of the greatest length")

    def _result(self, reply: _Reply) -> tuple[Verdict, str]:
        if reply.status == _NOTHING_FOUND:
            return Verdict.CLEAN, ""
        if reply.threat is None:
            raise Unavailable("scanner", detail=f"icap: status {reply.status}, and no malware is named")
        verdict = verdict_of_threat(reply.threat)
        name = reply.threat if _NAME.fullmatch(reply.threat) else "unnamed"
        return verdict, name if verdict is Verdict.INFECTED else ""

    def _options(self) -> _Reply:
        with self._connection() as connection:
            connection.sendall(self._head("OPTIONS", "Encapsulated: null-body=0"))
            reply = self._reply(connection)
        if reply.status != 200:
            raise Unavailable("scanner", detail=f"icap: status {reply.status} for OPTIONS")
        preview = reply.headers.get("preview", "")
        if not _PREVIEW.fullmatch(preview):
            raise Unavailable("scanner", detail="icap: the length of the preview is no number")
        self._preview = min(int(preview or 0), MAX_PREVIEW)
        return reply

    def _respmod(self, content: Content, length: int, waiting: Callable[[], object] = bool) -> _Reply:
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % length
        at = len(_REQUEST_HEAD), len(_REQUEST_HEAD) + len(answer)
        preview = min(self._preview, length)
        lines = [f"Encapsulated: req-hdr=0, res-hdr={at[0]}, res-body={at[1]}", "Allow: 204"]
        lines += [f"Preview: {preview}"] if preview else []
        first, rest = _split(content, preview)
        with self._connection() as connection:
            connection.sendall(self._head("RESPMOD", *lines) + _REQUEST_HEAD + answer)
            if preview:
                _send(connection, [first], b"0; ieof\r\n\r\n" if preview == length else b"0\r\n\r\n")
                reply = self._reply(connection, waiting)
                if reply.status != _CONTINUE:
                    return reply
            _send(connection, rest, b"0\r\n\r\n")
            return self._reply(connection, waiting)

    def _head(self, method: str, *lines: str) -> bytes:
        target = f"icap://{self._url.netloc}{self._url.path}"
        head = [f"{method} {target} ICAP/1.0", f"Host: {self._url.netloc}", "Connection: close", *lines, "", ""]
        return "\r\n".join(head).encode("ascii")

    @contextmanager
    def _connection(self) -> Iterator[socket.socket]:
        with self._connections.open_connection(self._connect) as connection:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            yield connection

    def _connect(self) -> socket.socket:
        host, port = self._url.hostname or "", self._url.port or 0
        connection = socket.create_connection((host, port), self._connect_seconds)
        connection.settimeout(self._send_seconds)
        if self._url.scheme == "icap":
            return connection
        # The handshake waits for the server, so it must also be abortable.
        return self._tls.wrap_socket(connection, server_hostname=host, do_handshake_on_connect=False)

    def _reply(self, connection: socket.socket, waiting: Callable[[], object] = bool) -> _Reply:
        """Return status and headers of a reply. The body, an HTML page for people, is not read."""
        raw = receive(connection, _END, self._reply_seconds, waiting)
        first, *lines = raw.partition(_END)[0].decode("latin-1").split("\r\n")
        status = _STATUS.match(first)
        if not status:
            raise Unavailable("scanner", detail="icap: no reply of the protocol")
        pairs = (line.partition(":") for line in lines)
        return _Reply(int(status[1]), {name.strip().lower(): value.strip() for name, _, value in pairs})


def _split(content: Content, length: int) -> tuple[bytes, Iterator[bytes | memoryview]]:
    """Return the first bytes of the content, and an iterator over the rest."""
    buffers, first = iter(content), b""
    while len(first) < length and (buffer := next(buffers, None)) is not None:
        first += bytes(buffer)
    return first[:length], chain((first[length:],), buffers)


def _send(connection: socket.socket, content: Content, end: bytes) -> None:
    # A server that has found malware may close its side before the end. Its reply reports the finding.
    with suppress(BrokenPipeError, ConnectionResetError):
        for buffer in content:
            if buffer:  # A chunk of length 0 would end the content.
                connection.sendall(b"%x\r\n" % len(buffer))
                connection.sendall(buffer)
                connection.sendall(b"\r\n")
        connection.sendall(end)
