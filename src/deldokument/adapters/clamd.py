"""Malware scans by clamd, ClamAV's daemon, with its command INSTREAM: the port `Scanner`.

Guarantees:
- A report is CLEAN only from an engine that finds test samples: a virus, an encrypted archive, a too deep archive.
- A document above the limit is never sent: clamd replies OK to some streams that it cannot examine as a whole.
- At most one buffer of the content is in memory.
- If the engine hangs, dies or breaks the protocol, the call raises Unavailable.
- Another thread can abort all scans.
"""

import re
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Final, TypedDict, Unpack

from deldokument.adapters.scan_samples import ENCRYPTED_ARCHIVE, TEST_VIRUS, too_deep_archive
from deldokument.domain.errors import Unavailable
from deldokument.domain.shares.scanning import Engine, ScanReport
from deldokument.domain.shares.share import Verdict
from deldokument.ports.inspection import ScannerClosed

MAX_BYTES: Final = 2_000_000_000
"""Largest document that is sent. clamd examines no file above 2 147 483 645 bytes, even if its settings allow it."""
CONNECT_SECONDS: Final = 10.0
SEND_SECONDS: Final = 40.0
"""Time for one buffer. Shorter than a worker's claim on the document."""
REPLY_SECONDS: Final = 300.0
PROBE_SECONDS: Final = 60.0
"""Time after which the engine has to find the test samples again: a restart can have changed its settings."""
_WAITING_SECONDS: Final = 5.0
_MAX_REPLY: Final = 4096
_VERSION: Final = re.compile(r"(ClamAV) ([\w.+~-]+)(?:/(\d+)/(\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}))?\n?")
_FOUND: Final = re.compile(r"stream: ([!-~]{1,200}) FOUND")
_OVER_LIMIT: Final = "INSTREAM size limit exceeded. ERROR"
_HEURISTICS: Final = {
    "Heuristics.Encrypted.": Verdict.ENCRYPTED,
    "Heuristics.Limits.Exceeded.MaxFileSize": Verdict.TOO_LARGE,
    "Heuristics.Limits.Exceeded": Verdict.ARCHIVE_LIMITS,
    "Heuristics.Broken.": Verdict.UNREADABLE,
}
"""Names, by their beginnings, that say what clamd could not examine. Any other name is malware."""

Address = str | tuple[str, int]
Content = Iterable[bytes | memoryview]
"""Path of a Unix socket, or host and port."""


class Connections:
    """The open connections to an engine. Another thread may abort them."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._open = set[socket.socket]()
        self._closed = False

    @contextmanager
    def open_connection(self, connect: Callable[[], socket.socket]) -> Iterator[socket.socket]:
        """Yield a new connection. Raises: Unavailable for its OSError; ScannerClosed after ``close``."""
        try:
            with connect() as connection, self._track(connection):
                yield connection
        except OSError as error:
            if self._closed:
                raise ScannerClosed from None
            raise Unavailable("scanner", detail=f"{self._engine}: {error or 'no answer'}") from None

    @contextmanager
    def _track(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise ScannerClosed
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.remove(connection)

    def close(self) -> None:
        """Shut all connections down, so that threads waiting on them return; refuse new ones."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                # The engine may have hung up. This shuts down the socket itself: TLS state must not change while
                # another thread reads.
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Limits(TypedDict, total=False):
    """Limits of a scanner: the longest document that it accepts, and the time limit of each step."""

    max_bytes: int
    connect_seconds: float
    send_seconds: float
    reply_seconds: float


class SocketScanner(ABC):
    """A scanner that uses one connection per document."""

    def __init__(self, limits: Limits, name: str) -> None:
        self._max_bytes = min(limits.get("max_bytes", MAX_BYTES), MAX_BYTES)
        self._connect_seconds = limits.get("connect_seconds", CONNECT_SECONDS)
        self._send_seconds = limits.get("send_seconds", SEND_SECONDS)
        self._reply_seconds = limits.get("reply_seconds", REPLY_SECONDS)
        self._connections = Connections(name)
        self._proven: tuple[Engine, float] | None = None
        """The engine that found the test samples, and until when that counts."""

    @abstractmethod
    def engine(self) -> Engine:
        """Return the engine and its signatures, after it has found the test samples."""

    @abstractmethod
    def _scan_content(self, content: Content, length: int, waiting: Callable[[], object] = bool) -> tuple[Verdict, str]:
        """Return the engine's verdict, and the name of the malware."""

    def scan(self, content: Content, length: int, waiting: Callable[[], object] = bool) -> ScanReport:
        """Scan a document."""
        engine = self.engine()
        if length > self._max_bytes:
            return ScanReport(Verdict.TOO_LARGE, engine, limit=self._max_bytes)
        verdict, signature = self._scan_content(content, length, waiting)
        return ScanReport(verdict, engine, signature, self._max_bytes if verdict is Verdict.TOO_LARGE else 0)

    def close(self) -> None:
        """Abort all scans."""
        self._connections.close()


class ClamdScanner(SocketScanner):
    """The port `Scanner`. ``max_bytes``: length of the longest document that clamd is configured to scan."""

    def __init__(self, address: Address, **limits: Unpack[Limits]) -> None:
        super().__init__(limits, "clamd")
        self._address = address

    def engine(self) -> Engine:
        """Return the engine and its signatures, after it has found the test samples."""
        engine = _engine_of(self._ask(b"VERSION"))
        if self._proven is None or self._proven[0] != engine or self._proven[1] < monotonic():
            check_samples("clamd", lambda sample: self._scan_content([sample], len(sample))[0])
            self._proven = engine, monotonic() + PROBE_SECONDS
        return engine

    def answers(self) -> bool:
        """Return whether clamd answers a request for its version."""
        with suppress(Unavailable):
            return bool(_engine_of(self._ask(b"VERSION")))
        return False

    def _scan_content(
        self, content: Content, _length: int, waiting: Callable[[], object] = bool
    ) -> tuple[Verdict, str]:
        return _result_of(self._ask(b"INSTREAM", content, waiting))

    def _ask(self, command: bytes, content: Content | None = None, waiting: Callable[[], object] = bool) -> str:
        with self._connections.open_connection(self._connect) as connection:
            connection.sendall(b"z" + command + b"\0")
            if content is not None:
                _send(connection, content)
            return receive(connection, b"\0", self._reply_seconds, waiting)[:-1].decode("ascii", "replace")

    def _connect(self) -> socket.socket:
        if isinstance(self._address, tuple):
            connection = socket.create_connection(self._address, self._connect_seconds)
        else:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self._connect_seconds)
            try:
                connection.connect(self._address)
            except OSError:
                connection.close()
                raise
        connection.settimeout(self._send_seconds)
        return connection


def receive(connection: socket.socket, end: bytes, seconds: float, waiting: Callable[[], object]) -> bytes:
    """Return the engine's reply, at least up to ``end``. Calls ``waiting`` meanwhile.

    Raises: OSError if the engine is silent for longer than ``seconds``, sends too much, or never sends ``end``.
    """
    reply, deadline = b"", monotonic() + seconds
    connection.settimeout(min(_WAITING_SECONDS, seconds))
    while end not in reply:
        try:
            piece = connection.recv(_MAX_REPLY)
        except TimeoutError:
            if monotonic() >= deadline:
                raise
            waiting()
            continue
        if not piece or len(reply) > _MAX_REPLY:
            raise ConnectionError("no complete reply")
        reply += piece
    return reply


def check_samples(engine: str, verdict_of: Callable[[bytes], Verdict]) -> None:
    """Check that the engine reports the test samples. Raises: Unavailable."""
    samples = {
        "the EICAR test file: load signatures": (TEST_VIRUS, Verdict.INFECTED),
        "an encrypted archive: set AlertEncrypted": (ENCRYPTED_ARCHIVE, Verdict.ENCRYPTED),
        "a limit that it exceeds: set AlertExceedsMax": (too_deep_archive(), Verdict.ARCHIVE_LIMITS),
    }
    for name, (sample, expected) in samples.items():
        if verdict_of(sample) is not expected:
            raise Unavailable("scanner", detail=f"{engine} does not report {name}")


def verdict_of_threat(name: str) -> Verdict:
    """Return the verdict for the name of a finding: malware, or a content that the engine could not examine."""
    verdicts = (verdict for beginning, verdict in _HEURISTICS.items() if name.startswith(beginning))
    return next(verdicts, Verdict.INFECTED)


def _send(connection: socket.socket, content: Content) -> None:
    # clamd closes the connection as soon as a limit is exceeded. Its reply names the limit.
    with suppress(BrokenPipeError, ConnectionResetError):
        for buffer in content:
            if buffer:  # A chunk of length 0 would end the stream.
                connection.sendall(len(buffer).to_bytes(4, "big"))
                connection.sendall(buffer)
        connection.sendall(bytes(4))


def _engine_of(reply: str) -> Engine:
    found = _VERSION.fullmatch(reply)
    if not found:
        raise Unavailable("scanner", detail="clamd: not a version")
    name, version, number, dated = found.groups()
    if number is None:
        return Engine(name, version, None)
    try:
        signatures_at = datetime.strptime(dated, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        raise Unavailable("scanner", detail="clamd: not a date of signatures") from None
    return Engine(name, f"{version}/{number}", signatures_at)


def _result_of(reply: str) -> tuple[Verdict, str]:
    """Return the verdict of a reply, and the name of the malware. Raises: Unavailable for any other reply."""
    if reply == "stream: OK":
        return Verdict.CLEAN, ""
    if reply == _OVER_LIMIT:
        return Verdict.TOO_LARGE, ""
    found = _FOUND.fullmatch(reply)
    if not found:
        # The reply may quote the content, so it is not logged.
        raise Unavailable("scanner", detail="clamd: an error, or no reply of its protocol")
    verdict = verdict_of_threat(found[1])
    return verdict, found[1] if verdict is Verdict.INFECTED else ""
