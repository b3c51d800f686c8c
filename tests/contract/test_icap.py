"""Malware scans by a real c-icap before a real clamd: clean only what was examined, and safe from broken servers."""

import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deldokument.adapters.icap import IcapScanner
from deldokument.adapters.scan_samples import ENCRYPTED_ARCHIVE, TEST_VIRUS, too_deep_archive
from deldokument.domain.errors import Unavailable
from deldokument.domain.shares.share import Verdict
from deldokument.ports.inspection import ScannerClosed
from tests.contract.test_scanner import SHORT, until_closed, zipped
from tests.support.faults.hanging import hanging_engine
from tests.support.servers.clamd import Clamd, running_clamd
from tests.support.servers.icap import Icap, running_icap
from tests.support.servers.mail import make_certificate

pytestmark = pytest.mark.once
LIMIT = 300_000


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with running_clamd(tmp_path_factory.mktemp("clamd")) as running:
        yield running


@pytest.fixture(scope="module")
def icap(tmp_path_factory: pytest.TempPathFactory, clamd: Clamd) -> Iterator[Icap]:
    with running_icap(tmp_path_factory.mktemp("icap"), clamd.socket) as running:
        yield running


@pytest.fixture(scope="module")
def scanner(icap: Icap) -> IcapScanner:
    return IcapScanner(icap.url, max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (b"", Verdict.CLEAN),
        (b"innhold", Verdict.CLEAN),
        *((bytes(length), Verdict.CLEAN) for length in (1023, 1024, 1025, LIMIT)),
        (TEST_VIRUS, Verdict.INFECTED),
        (b"x" * (LIMIT - len(TEST_VIRUS)) + TEST_VIRUS, Verdict.INFECTED),
        (zipped("b.zip", zipped("a.com", TEST_VIRUS)), Verdict.INFECTED),
        (ENCRYPTED_ARCHIVE, Verdict.ENCRYPTED),
        (too_deep_archive(), Verdict.ARCHIVE_LIMITS),
        (bytes(LIMIT + 1), Verdict.TOO_LARGE),
    ],
    ids=lambda value: value if isinstance(value, str) else len(value),
)
def test_an_icap_server_reports_what_it_finds_and_what_it_could_not_examine(
    scanner: IcapScanner, content: bytes, verdict: Verdict
) -> None:
    buffers = [memoryview(content)[at : at + 50_000] for at in range(0, len(content), 50_000)]
    report = scanner.scan([b"", *buffers], len(content))
    assert report.verdict is verdict
    assert ("EICAR" in report.signature) is (verdict is Verdict.INFECTED)
    assert report.limit == (LIMIT if verdict is Verdict.TOO_LARGE else 0)
    assert report.engine == scanner.engine()
    assert "C-ICAP" in report.engine.name
    assert report.engine.signatures_at is None


def test_an_error_of_the_content_is_the_callers(scanner: IcapScanner) -> None:
    def content() -> Iterator[bytes]:
        yield bytes(2000)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        scanner.scan(content(), 4000)


def test_a_server_that_passes_long_documents_unexamined_is_not_used(tmp_path: Path, clamd: Clamd) -> None:
    with running_icap(tmp_path / "icap", clamd.socket, sizelimit="on") as small:
        assert IcapScanner(small.url, max_bytes=50_000).scan([b"innhold"], 7).verdict is Verdict.CLEAN
        with pytest.raises(Unavailable, match="greatest length"):
            IcapScanner(small.url, max_bytes=LIMIT).engine()


def test_a_server_with_a_dead_or_hanging_engine_is_unavailable(tmp_path: Path) -> None:
    with running_clamd(tmp_path / "clamd") as own, running_icap(tmp_path / "icap", own.socket) as icap:
        scanner = IcapScanner(icap.url, max_bytes=LIMIT, reply_seconds=SHORT)
        scanner.engine()
        assert scanner.answers()
        own.signal(signal.SIGSTOP)
        with pytest.raises(Unavailable, match="scanner"):
            scanner.scan([b"innhold"], 7)
        own.signal(signal.SIGKILL)
        with pytest.raises(Unavailable, match="no malware is named"):
            scanner.scan([b"innhold"], 7)
        icap.close()
        with pytest.raises(Unavailable, match="scanner"):
            scanner.engine()
        assert not scanner.answers()


OPTIONS = b'ICAP/1.0 200 OK\r\nService: S\r\nISTag: "1"\r\n\r\n'
FOUND = b"ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=%s;\r\n\r\n"
VIRUS, NOTHING = FOUND % b"Eicar", b"ICAP/1.0 204 No Content\r\n\r\n"
FIT = (
    OPTIONS,
    VIRUS,
    VIRUS,
    FOUND % b"Heuristics.Encrypted.Zip",
    FOUND % b"Heuristics.Limits.Exceeded.MaxRecursion",
)


@contextmanager
def peer(*replies: bytes, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A server without previews that reads each request to its end, and replies what the test says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for reply in replies:
                connection, _ = listener.accept()
                # A client that does not trust the certificate hangs up.
                with (
                    suppress(ssl.SSLError),
                    tls.wrap_socket(connection, server_side=True) if tls else connection as connection,
                ):
                    request = connection.recv(65536)
                    while request.startswith(b"RESPMOD") and not request.endswith(b"\r\n0\r\n\r\n"):
                        request += connection.recv(65536)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"{'icaps' if tls else 'icap'}://localhost:{listener.getsockname()[1]}/scan"
        thread.join()


@pytest.mark.parametrize(
    "replies",
    [
        (b"",),
        (b"HTTP/1.1 200 OK\r\n\r\n",),
        (b"ICAP/1.0 404 Not Found\r\n\r\n",),
        (b"x" * 10_000,),
        (OPTIONS, NOTHING),
        (*FIT[:2], NOTHING),
        (*FIT, b"ICAP/1.0 200 OK\r\n\r\n"),
        (*FIT, b"ICAP/1.0 100 Continue\r\n\r\n"),
        (*FIT, b"ICAP/1.0 500 Server error\r\n\r\n"),
        (*FIT, b"ICAP/1.0 204 No Content\r\n"),
    ],
)
def test_a_reply_that_names_nothing_or_breaks_the_protocol_is_no_verdict(replies: tuple[bytes, ...]) -> None:
    with peer(*replies) as url, pytest.raises(Unavailable, match="scanner"):
        IcapScanner(url, max_bytes=1000).scan([b"innhold"], 7)


@pytest.mark.parametrize("preview", ["abc", "1e3", "-5", "1_0", "\xb2"])
def test_a_server_with_options_that_make_no_sense_is_unavailable(preview: str) -> None:
    options = f"ICAP/1.0 200 OK\r\nPreview: {preview}\r\n\r\n".encode("latin-1")
    with peer(options, options) as url:
        assert not IcapScanner(url).answers()
        with pytest.raises(Unavailable, match="scanner"):
            IcapScanner(url).engine()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("replies", [(), (OPTIONS, VIRUS)], ids=["options", "content"])
def test_a_scan_by_a_hanging_server_is_broken_off(replies: tuple[bytes, ...]) -> None:
    with hanging_engine(*replies) as ((host, port), hangs):
        scanner = IcapScanner(f"icap://{host}:{port}/scan", max_bytes=100)
        assert isinstance(until_closed(scanner, hangs), ScannerClosed)


@pytest.mark.timeout(30)
def test_a_handshake_that_hangs_is_broken_off() -> None:
    with hanging_engine() as ((_, port), hangs):
        scanner = IcapScanner(f"icaps://localhost:{port}/scan")
        assert isinstance(until_closed(scanner, hangs), ScannerClosed)


def test_a_server_on_another_machine_is_asked_only_over_verified_tls(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*map(str, certificate))
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with peer(*FIT, NOTHING, tls=server) as url:
        assert IcapScanner(url, max_bytes=1000, tls=trusting).scan([b"innhold"], 7).verdict is Verdict.CLEAN
    with peer(OPTIONS, tls=server) as url, pytest.raises(Unavailable, match="certificate verify failed"):
        IcapScanner(url, max_bytes=1000, reply_seconds=SHORT).engine()


@pytest.mark.parametrize(
    ("reply", "signature"),
    [
        (b"ICAP/1.0 403 Forbidden\r\nX-Virus-ID: Eicar Test\r\n\r\n", "Eicar Test"),
        (b"ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0\r\n\r\n", "unnamed"),
        (FOUND % b"\x80", "unnamed"),
    ],
)
def test_malware_is_malware_however_it_is_named(reply: bytes, signature: str) -> None:
    with peer(*FIT, reply) as url:
        report = IcapScanner(url, max_bytes=1000).scan([b"innhold"], 7)
    assert (report.verdict, report.signature) == (Verdict.INFECTED, signature)
