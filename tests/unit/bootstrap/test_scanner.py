"""The scanner that the settings name: on this machine, and what `doctor` says of it."""

import socket
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from deldokument.adapters.clamd import ClamdScanner
from deldokument.adapters.icap import IcapScanner
from deldokument.bootstrap.scanner import is_scanner_up, open_scanner
from deldokument.config.groups import ScannerSettings
from deldokument.domain.errors import Unavailable
from deldokument.services.maintenance.health import Level, check_scanner
from tests.fakes.scanner import MemoryScanner

DATED = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "url",
    [
        "tcp://scanner.example:3310",
        "tcp://10.0.0.1:3310",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:3310/x",
        "tcp://a@127.0.0.1:3310",
        "unix://run/clamd.ctl",
        "unix:///",
        "unix:///run/clamd.ctl?x",
        "http://127.0.0.1:3310",
        "icap://scanner.example:1344/avscan",
        "icap://127.0.0.1/avscan",
        "icap://127.0.0.1:1344",
        "icaps://a@scanner.example:11344/avscan",
        "icaps://:11344/avscan",
        "/run/clamd.ctl",
    ],
)
def test_a_scanner_on_another_machine_or_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="on this machine"):
        ScannerSettings(url=url)


@pytest.mark.parametrize("url", ["unix:///run/clamav/clamd.ctl", "tcp://127.0.0.1:3310", "tcp://[::1]:3310"])
def test_a_scanner_is_opened_without_a_connection(url: str) -> None:
    assert isinstance(open_scanner(ScannerSettings(url=url)), ClamdScanner)


@pytest.mark.parametrize("url", ["icap://127.0.0.1:1344/avscan", "icaps://scanner.example:11344/avscan"])
def test_an_icap_server_is_opened_without_a_connection(url: str) -> None:
    assert isinstance(open_scanner(ScannerSettings(url=url)), IcapScanner)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("url", ["tcp://127.0.0.1", "icap://127.0.0.1"])
def test_a_metric_does_not_wait_for_a_scanner_that_hangs(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deldokument.bootstrap.scanner.ANSWER_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = "/avscan" if url.startswith("icap") else ""
        assert not is_scanner_up(ScannerSettings(url=f"{url}:{silent.getsockname()[1]}{path}"))


def test_doctor_grades_the_scanner_by_the_age_of_its_signatures() -> None:
    def graded(scanner: MemoryScanner, now: datetime = DATED) -> tuple[Level, str]:
        return check_scanner(scanner, now, timedelta(days=7))

    assert graded(MemoryScanner(DATED)) == (Level.OK, "Memory 1, signatures of 2026-11-24T08:00:00+00:00")
    assert graded(MemoryScanner(DATED), DATED + timedelta(days=8))[0] is Level.WARNING
    assert graded(MemoryScanner(None))[0] is Level.WARNING
    with pytest.raises(Unavailable, match="scanner"):
        graded(MemoryScanner(DATED, down=True))
