"""Malware scans: clean only what was examined as a whole, and unavailable what cannot be relied on."""

import base64
import io
import signal
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

import pytest

from deldokument.adapters.clamd import MAX_BYTES, ClamdScanner
from deldokument.adapters.scan_samples import ENCRYPTED_ARCHIVE, TEST_VIRUS, too_deep_archive
from deldokument.domain.errors import Unavailable
from deldokument.domain.shares.share import Verdict
from deldokument.ports.inspection import Scanner, ScannerClosed
from tests.fakes.scanner import MemoryScanner
from tests.support.deployment.deployment import wait_until
from tests.support.faults.hanging import hanging_engine
from tests.support.servers.clamd import MARK, Clamd, running_clamd

pytestmark = pytest.mark.once

DATED = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SHORT = 0.5
"""Seconds that a test waits for an engine that never answers."""


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    """One for all tests that leave it as it is."""
    with running_clamd(tmp_path_factory.mktemp("clamd")) as running:
        yield running


@pytest.fixture(params=["clamd", "memory"])
def scanner(request: pytest.FixtureRequest) -> Scanner:
    """The port, of each kind."""
    if request.param == "memory":
        return MemoryScanner(DATED)
    return ClamdScanner(request.getfixturevalue("clamd").socket)


def zipped(name: str, content: bytes) -> bytes:
    """A zip of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def tarred(content: bytes) -> bytes:
    """A tar.gz of one file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("a.com")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def mime(content: bytes) -> bytes:
    """An e-mail with one attachment."""
    head = (
        b'From: a@example.com\r\nSubject: a\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b'--b\r\nContent-Type: application/octet-stream; name="a.com"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    return head + base64.encodebytes(content).replace(b"\n", b"\r\n") + b"\r\n--b--\r\n"


def verdict_of(scanner: Scanner, *buffers: bytes) -> Verdict:
    """The verdict on a document that comes in these buffers."""
    return scanner.scan(buffers, sum(map(len, buffers))).verdict


def test_a_document_without_malware_is_clean_and_the_engine_is_named(scanner: Scanner) -> None:
    report = scanner.scan([b"innhold"], 7)
    assert (report.verdict, report.signature) == (Verdict.CLEAN, "")
    assert report.engine == scanner.engine()
    assert report.engine.name
    assert report.engine.signatures_at is not None


def test_malware_is_found_and_named_also_where_it_is_cut_between_buffers(scanner: Scanner) -> None:
    report = scanner.scan([b"x" * 1000, TEST_VIRUS[:20], b"", memoryview(TEST_VIRUS)[20:]], 1068)
    assert report.verdict is Verdict.INFECTED
    assert "EICAR" in report.signature


def test_an_empty_document_is_clean(scanner: Scanner) -> None:
    assert verdict_of(scanner) is Verdict.CLEAN


def test_no_byte_of_a_document_above_the_limit_is_read(scanner: Scanner) -> None:
    content = iter([b"unread"])
    report = scanner.scan(content, 2**31)
    assert (report.verdict, report.limit) == (Verdict.TOO_LARGE, MAX_BYTES)
    assert list(content) == [b"unread"]


def test_an_error_of_the_content_is_the_callers(scanner: Scanner) -> None:
    def content() -> Iterator[bytes]:
        yield b"part"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scanner.scan(content(), 8)


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (zipped("a.com", TEST_VIRUS), Verdict.INFECTED),
        (zipped("b.zip", zipped("a.com", TEST_VIRUS)), Verdict.INFECTED),
        (tarred(TEST_VIRUS), Verdict.INFECTED),
        (mime(TEST_VIRUS), Verdict.INFECTED),
        (b"%PDF-1.7\n" + zipped("a.com", TEST_VIRUS), Verdict.INFECTED),
        (MARK + b"PART-TWO", Verdict.INFECTED),
        (MARK, Verdict.CLEAN),
        (ENCRYPTED_ARCHIVE, Verdict.ENCRYPTED),
        (too_deep_archive(), Verdict.ARCHIVE_LIMITS),
    ],
    ids=["zip", "zip in zip", "tar.gz", "mime", "polyglot", "two parts", "one part", "encrypted", "too deep"],
)
def test_clamd_looks_into_containers_and_says_what_it_could_not_examine(
    clamd: Clamd, content: bytes, verdict: Verdict
) -> None:
    report = ClamdScanner(clamd.socket).scan([content], len(content))
    assert report.verdict is verdict
    assert bool(report.signature) is (verdict is Verdict.INFECTED)


def test_nothing_that_was_scanned_is_left_on_disk(clamd: Clamd) -> None:
    assert verdict_of(ClamdScanner(clamd.socket), zipped("a.com", TEST_VIRUS)) is Verdict.INFECTED
    # clamd replies just before it removes the file.
    wait_until(lambda: not any(path.is_file() for path in clamd.spool.rglob("*")), 60, "clamd keeps what it scans")


def test_what_clamd_may_not_examine_because_of_its_own_limits_is_never_clean(tmp_path: Path) -> None:
    with running_clamd(tmp_path / "clamd", StreamMaxLength="1M", MaxFileSize="1M", MaxScanSize="1M") as small:
        scanner = ClamdScanner(small.socket)
        report = scanner.scan(iter([bytes(2**20)] * 8), 2**23)
        assert (report.verdict, report.limit) == (Verdict.TOO_LARGE, MAX_BYTES)
        bomb = zipped("zeros", bytes(3 * 2**20))
        assert verdict_of(scanner, bomb) in {Verdict.ARCHIVE_LIMITS, Verdict.TOO_LARGE}


@pytest.mark.parametrize("setting", ["AlertExceedsMax", "AlertEncrypted"])
def test_a_clamd_that_hides_what_it_could_not_examine_is_not_used(tmp_path: Path, setting: str) -> None:
    with running_clamd(tmp_path / "clamd", **{setting: "no"}) as lax, pytest.raises(Unavailable, match=setting):
        ClamdScanner(lax.socket).scan([b"innhold"], 7)


def test_a_clamd_that_dies_or_hangs_is_unavailable_and_used_again_after_its_start(tmp_path: Path) -> None:
    with running_clamd(tmp_path / "clamd") as own:
        own.date(DATED)
        scanner = ClamdScanner(own.socket)
        assert verdict_of(scanner, b"innhold") is Verdict.CLEAN

        def content() -> Iterator[bytes]:
            yield bytes(2**20)
            own.signal(signal.SIGKILL)
            yield bytes(2**20)

        with pytest.raises(Unavailable, match="scanner"):
            scanner.scan(content(), 2**21)
        with pytest.raises(Unavailable, match="scanner"):
            scanner.engine()
        assert not scanner.answers()
        own.start()
        assert scanner.answers()
        assert scanner.scan([b"innhold"], 7).engine.signatures_at == DATED
        own.signal(signal.SIGSTOP)
        with pytest.raises(Unavailable, match="scanner"):
            ClamdScanner(own.socket, reply_seconds=SHORT).scan([b"innhold"], 7)
        assert not ClamdScanner(own.socket, reply_seconds=SHORT).answers()
        own.signal(signal.SIGCONT)
        assert verdict_of(scanner, b"innhold") is Verdict.CLEAN


@contextmanager
def peer(*replies: bytes, last: Callable[[], object] = bool) -> Iterator[tuple[str, int]]:
    """A server that reads each request to its end, and replies what the test says; before the last reply, ``last``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for number, reply in enumerate(replies, 1):
                connection, _ = listener.accept()
                with connection:
                    head = connection.recv(65536)
                    while b"INSTREAM" in head and not head.endswith(bytes(4)):
                        head += connection.recv(65536)
                    if number == len(replies):
                        last()
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[:2]
        thread.join()


VERSION = b"ClamAV 1.4.6/27800/Sat Nov 28 08:00:00 2026\0"
FIT = (
    VERSION,
    b"stream: Eicar FOUND\0",
    b"stream: Heuristics.Encrypted.Zip FOUND\0",
    b"stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\0",
)


@pytest.mark.parametrize(
    "replies",
    [
        (b"",),
        (b"OK\0",),
        (b"ClamAV 1.4.6/27800/Sat Foo 99 08:00:00 2026\0",),
        (b"ClamAV 1.4.6\0" * 1000,),
        (b"x" * 10_000,),
        (VERSION, b"stream: OK\0"),
        (*FIT, b"stream: OK"),
        (*FIT, b"stream: OK\0stream: OK\0"),
        (*FIT, b"stream: no memory ERROR\0"),
        (*FIT, b"stream: \x80 FOUND\0"),
    ],
)
def test_a_reply_outside_the_protocol_is_no_verdict(replies: tuple[bytes, ...]) -> None:
    with peer(*replies) as address, pytest.raises(Unavailable, match="scanner"):
        ClamdScanner(address).scan([b"innhold"], 7)


def test_an_engine_without_a_date_of_signatures_says_so() -> None:
    with peer(b"ClamAV 1.4.6\n\0", *FIT[1:], b"stream: Heuristics.Broken.Executable FOUND\0") as address:
        report = ClamdScanner(address).scan([b"innhold"], 7)
    assert (report.verdict, report.engine.signatures_at) == (Verdict.UNREADABLE, None)


def test_an_engine_that_has_just_found_the_samples_is_not_asked_again() -> None:
    with peer(*FIT, b"stream: OK\0", VERSION, b"stream: OK\0") as address:
        scanner = ClamdScanner(address)
        assert [verdict_of(scanner, b"a"), verdict_of(scanner, b"b")] == [Verdict.CLEAN, Verdict.CLEAN]


def test_a_closed_scanner_examines_nothing(scanner: Scanner) -> None:
    scanner.engine()
    scanner.close()
    scanner.close()
    for ask in (scanner.engine, lambda: scanner.scan([b"innhold"], 7)):
        with pytest.raises(ScannerClosed):
            ask()


def until_closed(scanner: Scanner, hangs: threading.Event) -> BaseException | None:
    """Return the error of a scan of endless content that is broken off when the engine hangs."""
    errors = list[BaseException]()

    def scan() -> None:
        try:
            scanner.scan(repeat(bytes(2**16)), 2**20)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=scan)
    thread.start()
    hangs.wait()
    scanner.close()
    thread.join()
    return errors[0] if errors else None


@pytest.mark.timeout(30)
@pytest.mark.parametrize("replies", [(), FIT], ids=["version", "content"])
def test_a_scan_by_a_hanging_clamd_is_broken_off(replies: tuple[bytes, ...]) -> None:
    with hanging_engine(*replies) as (address, hangs):
        assert isinstance(until_closed(ClamdScanner(address), hangs), ScannerClosed)


def test_the_caller_of_a_long_scan_sees_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deldokument.adapters.clamd._WAITING_SECONDS", 0.02)
    asked = threading.Event()
    with peer(*FIT, VERSION, b"stream: OK\0", last=asked.wait) as address:
        scanner = ClamdScanner(address)
        scanner.engine()
        assert scanner.scan([b"innhold"], 7, asked.set).verdict is Verdict.CLEAN
