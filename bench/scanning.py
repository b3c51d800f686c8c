"""`python -m bench.scanning`: what malware scanning costs, with clamd and without it, in one run.

The time from the end of an upload to its verdict, and the memory of worker and clamd meanwhile. Measured with a
document longer than any engine examines, and with one examined whole. Then ten uploads at once, while a document is
inspected. clamd has three signatures of the tests; the vendor's need more time and memory.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import measuring, report, usage
from bench.measuring import Job
from bench.servers import Ours, request
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY
from deldokument.services.encryption import existing_key, share_key_id
from deldokument.services.shares.scans.verdicts import finding_of
from tests.support.deployment.deployment import OFFSET_TYPE, OLA_NUMBER, Deployment, wait_until
from tests.support.servers.clamd import running_clamd

ROOT = Path(__file__).resolve().parents[1]

UPLOADS, EACH = 10, 64 * 2**20
_SECONDS = 1800.0
console = Console(width=140)
app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Inspected:
    """The inspection of one document; memory in bytes, at its peak."""

    length: int
    verdict: str
    seconds: float
    worker: int
    clamd: int


@dataclass(frozen=True, slots=True)
class Foreground:
    """Ten uploads at once, in bytes a second, and milliseconds of a small request during others."""

    rate: float
    median: float
    p99: float


class Busy(Ours):
    """A deployment whose worker inspects while it is measured; ``clamd``: that process, if there is one."""

    def __init__(self, deployment: Deployment, clamd: Sequence[int]) -> None:
        super().__init__(deployment)
        self.clamd = clamd

    def settle(self) -> None:
        """Waits for nothing: the document that is inspected stays."""

    def send(self, source: Path) -> str:
        """Upload a document in a draft of its own; return the draft."""
        length, deployment = source.stat().st_size, self.deployment
        draft = deployment.draft()
        deployment.add_recipients(draft, [OLA_NUMBER])
        ticket = deployment.announce(draft, "stor.bin", length)
        headers = {**ticket.headers, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
        head = request("PATCH", deployment.create_upload(ticket), headers, length)
        measuring.talk(self, Job(head, length, source))
        return draft

    def verdict(self, draft: str) -> str:
        """The verdict on the draft's document; empty before the inspection."""
        deps = self.deployment.node.deps
        with deps.database.read() as tx:
            [document] = tx.shares.documents([draft])
        found = finding_of(existing_key(deps.keyring, share_key_id(draft)), document, DEFAULT_POLICY)
        return found.verdict.value if found else ""


def inspect(busy: Busy, source: Path) -> Inspected:
    """Upload a document, and wait for its verdict."""
    worker = [busy.deployment.worker_pid]
    for pids in (worker, busy.clamd):
        usage.forget_peak(pids)
    draft, began = busy.send(source), time.perf_counter()
    wait_until(lambda: bool(busy.verdict(draft)), _SECONDS, "the document has no verdict")
    seconds, peaks = time.perf_counter() - began, [usage.peak_bytes(pids) for pids in (worker, busy.clamd)]
    found = Inspected(source.stat().st_size, busy.verdict(draft), seconds, *peaks)
    busy.forsake(draft)
    console.print(found)
    return found


def foreground(busy: Busy, document: Path, source: Path, folder: Path) -> Foreground:
    """Upload ten files at once while ``document`` is inspected, twice: for their rate, and for the latency."""
    with _inspecting(busy, document):
        [sent] = measuring.together(busy, source, folder, ups=UPLOADS, downs=0)
    with _inspecting(busy, document):
        median, p99, _ = measuring.latency(busy, source, busy.port + 1, "/helse/live", ups=UPLOADS)
    found = Foreground(sent.rate, median, p99)
    console.print(found)
    return found


@contextmanager
def _inspecting(busy: Busy, document: Path) -> Iterator[None]:
    draft = busy.send(document)
    yield
    wait_until(lambda: bool(busy.verdict(draft)), _SECONDS, "the document has no verdict")
    busy.forsake(draft)


@contextmanager
def _served(folder: Path, *, scans: bool) -> Iterator[Busy]:
    """A deployment with clamd, whose spool is in memory as operators are asked to have it, or without a scanner."""
    with tempfile.TemporaryDirectory(prefix="scanning-", dir=folder) as place:
        if not scans:
            with Deployment(Path(place), delivered=True) as deployment:
                yield Busy(deployment, [])
            return
        with (
            tempfile.TemporaryDirectory(prefix="deldokument-bench-", dir="/dev/shm") as memory,
            running_clamd(Path(memory) / "clamd") as clamd,
            Deployment(Path(place), delivered=True, settings={"scanner_url": f"unix://{clamd.socket}"}) as deployment,
        ):
            yield Busy(deployment, [clamd.pid])


def _make_examinable(path: Path, length: int) -> None:
    """Write random bytes from 128 on: any others hold beginnings of archives by chance, until a limit of the engine."""
    high = bytes(byte | 0x80 for byte in range(256))
    with path.open("wb") as file:
        for start in range(0, length, 2**20):
            file.write(os.urandom(min(2**20, length - start)).translate(high))


def _documents(found: dict[str, list[Inspected]]) -> report.Sheet:
    head = ("scanner", "document, GB", "verdict", "seconds", "MB/s", "worker, peak MB", "clamd, peak MB")
    rows = [
        (name, f"{one.length / 1e9:.1f}", one.verdict, f"{one.seconds:.1f}", f"{one.length / one.seconds / 1e6:.0f}",
         f"{one.worker / 1e6:.0f}", f"{one.clamd / 1e6:.0f}" if one.clamd else "")
        for name, many in found.items() for one in many
    ]  # fmt: skip
    return report.Sheet("From the end of an upload to the verdict", head, rows)


def _uploads(found: dict[str, Foreground]) -> report.Sheet:
    rows = list[tuple[str, ...]](
        (name, f"{one.rate / 1e9:.2f}", f"{one.median:.1f}", f"{one.p99:.1f}") for name, one in found.items()
    )
    without, scanned = found.values()
    ratios = (scanned.rate / without.rate, scanned.median / without.median, scanned.p99 / without.p99)
    rows.append(("ratio", *(f"{ratio:.2f}" for ratio in ratios)))
    head = ("scanner", "uploads, GB/s", "small request, p50 ms", "p99 ms")
    return report.Sheet("Ten uploads at once while a document is inspected", head, rows)


@app.command()
def main(
    gib: Annotated[float, typer.Option(help="GiB of the document that is too long for the engine.")] = 5.0,
    examined: Annotated[float, typer.Option(help="GB of the document that is examined whole.")] = 1.9,
    folder: Annotated[Path, typer.Option(help="Where files go.")] = ROOT / "tmp",
) -> None:
    """Measure what malware scanning costs."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped."))
    documents, uploads = dict[str, list[Inspected]](), dict[str, Foreground]()
    with tempfile.TemporaryDirectory(prefix="deldokument-bench-", dir="/dev/shm") as memory:
        large, whole, small = (Path(memory) / name for name in ("large", "whole", "small"))
        for path, length in ((large, int(gib * 2**30)), (small, EACH)):
            measuring.make_source(path, length)
        _make_examinable(whole, int(examined * 1e9))
        for name, scans in (("none", False), ("clamd", True)):
            with _served(folder, scans=scans) as busy:
                documents[name] = [inspect(busy, path) for path in (large, whole)]
                uploads[name] = foreground(busy, whole, small, folder)
    notes = [
        f"Each of the ten uploads has {EACH / 2**20:.0f} MiB, and the document inspected meanwhile {examined:g} GB. "
        "clamd has three signatures of the tests. The vendor's database needs more time, and more memory of its own.",
        f"The run took {(time.monotonic() - began) / 60:.0f} minutes. {report.machine({})}",
    ]
    report.show(console, [_documents(documents), _uploads(uploads)], notes)


if __name__ == "__main__":
    app()
