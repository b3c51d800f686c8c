"""A scanner in memory, which finds the EICAR test file, and is silent when a test says so."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from deldokument.adapters.scan_samples import TEST_VIRUS
from deldokument.domain.errors import Unavailable
from deldokument.domain.shares.scanning import Engine, ScanReport
from deldokument.domain.shares.share import Verdict
from deldokument.ports.inspection import ScannerClosed

SIGNATURE = "Test.EICAR"


@dataclass
class MemoryScanner:
    """The port `Scanner`. ``verdict`` is that on every document without malware."""

    signatures_at: datetime | None
    verdict: Verdict = Verdict.CLEAN
    max_bytes: int = 2_000_000_000
    down: bool = False
    fails: int = 0
    """How many scans are broken off before one succeeds."""

    closed: bool = False
    closes: bool = False
    """Whether it is closed while it scans."""

    def close(self) -> None:
        self.closed = True

    def engine(self) -> Engine:
        if self.closed:
            raise ScannerClosed
        if self.down:
            raise Unavailable("scanner")
        return Engine("Memory", "1", self.signatures_at)

    def answers(self) -> bool:
        return not self.down

    def scan(
        self, content: Iterable[bytes | memoryview], length: int, waiting: Callable[[], object] = bool
    ) -> ScanReport:
        engine = self.engine()
        if length > self.max_bytes:
            return ScanReport(Verdict.TOO_LARGE, engine, limit=self.max_bytes)
        seen = b"".join(map(bytes, content))
        waiting()
        if self.closes:
            raise ScannerClosed
        if self.fails:
            self.fails -= 1
            raise Unavailable("scanner")
        found = TEST_VIRUS in seen
        return ScanReport(Verdict.INFECTED if found else self.verdict, engine, SIGNATURE if found else "")
