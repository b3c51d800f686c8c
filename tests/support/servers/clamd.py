"""A real clamd with a few signatures of its own: a process that tests stop, kill and start again.

Debian's clamav-daemon has no signatures; those of the vendor are a gigabyte.
"""

import gzip
import hashlib
import io
import os
import signal
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deldokument.adapters.scan_samples import TEST_VIRUS

PROGRAM = Path("/usr/sbin/clamd")
MARK = b"KS-TEST-VIRUS"
"""What the logical signature looks for, with PART-TWO anywhere else."""
SETTINGS = {
    "StreamMaxLength": "2000M",
    "MaxScanSize": "2000M",
    "MaxFileSize": "2000M",
    "AlertExceedsMax": "yes",
    "AlertEncrypted": "yes",
    "MaxThreads": "4",
}
_START_SECONDS = 60.0


@dataclass
class Clamd:
    """A clamd in a folder of its own; ``settings`` are written over the usual ones."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        """Path of its socket."""
        return str(self.folder / "clamd.sock")

    @property
    def pid(self) -> int:
        """Its process, which runs."""
        assert self.process is not None
        return self.process.pid

    @property
    def spool(self) -> Path:
        """Where it keeps what it scans."""
        return self.folder / "spool"

    def date(self, signatures_at: datetime) -> None:
        """Give its signatures a date, from the next start on."""
        write_signatures(self.folder / "signatures", signatures_at)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        conf = self.folder / "clamd.conf"
        fixed = {
            "Foreground": "yes",
            "DatabaseDirectory": str(self.folder / "signatures"),
            "TemporaryDirectory": str(self.spool),
            "LocalSocket": self.socket,
            "LogFile": str(self.folder / "clamd.log"),
            "User": "root" if os.geteuid() == 0 else "",
        }
        lines = (SETTINGS | fixed | self.settings).items()
        conf.write_text("".join(f"{name} {value}\n" for name, value in lines if value))
        environment = os.environ | {"TZ": "UTC"}
        self.process = subprocess.Popen(
            [str(PROGRAM), "-c", str(conf)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._listens():
            assert self.process.poll() is None, (self.folder / "clamd.log").read_text()
            assert time.monotonic() < deadline, "clamd does not listen"
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
            connection.connect(self.socket)
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for its end if that is what the signal brings."""
        assert self.process is not None
        self.process.send_signal(number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            self.process.wait()

    def close(self) -> None:
        """End it, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)


@contextmanager
def running_clamd(folder: Path, **settings: str) -> Iterator[Clamd]:
    """A clamd that listens, whose signatures are of now."""
    if not PROGRAM.exists():
        pytest.fail(f"no {PROGRAM}: apt-get install clamav-daemon (make test does it)", pytrace=False)
    (folder / "spool").mkdir(parents=True)
    clamd = Clamd(folder, settings)
    clamd.date(datetime.now(UTC))
    try:
        clamd.start()
        yield clamd
    finally:
        clamd.close()


def write_signatures(folder: Path, at: datetime) -> None:
    """Write a database without signature of its own: its header has the date, and one checksum and one logical rule."""
    folder.mkdir(exist_ok=True)
    hashed = f"{hashlib.sha256(TEST_VIRUS).hexdigest()}:{len(TEST_VIRUS)}:Test.EICAR.HSB\n"
    anywhere = f"Test.EICAR.NDB:0:*:{TEST_VIRUS.hex()}\n"
    logical = f"Test.Logical.LDB;Engine:81-255,Target:0;0&1;{MARK.hex()};{b'PART-TWO'.hex()}\n"
    stamp = int(at.timestamp())
    header = f"ClamAV-VDB:{at:%d %b %Y %H-%M} +0000:27800:3:90:{'0' * 32}:none:tests:{stamp}"
    files = {"daily.hsb": hashed, "daily.ndb": anywhere, "daily.ldb": logical}
    listed = [f"{name}:{len(text)}:{hashlib.sha256(text.encode()).hexdigest()}" for name, text in files.items()]
    files = {"daily.info": "\n".join([header, *listed, ""])} | files
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    (folder / "daily.cud").write_bytes(header.ljust(512).encode() + gzip.compress(out.getvalue()))
