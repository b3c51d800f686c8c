"""`python -m bench.large`: what a service is like that holds a million shares, and how many people two cores carry.

Lists, pages and a document's head among a million shares; the first byte at the end of 5 GiB; a mix of people. A
separate program measures the memory under a crowd. PostgreSQL writes to the disk, the worker runs all the while.
"""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import report
from bench.load import carried, crowded, metadata
from tests.support.bulk.large_expiry import durable
from tests.support.deployment.deployment import Deployment

ROOT = Path(__file__).resolve().parents[1]

console = Console(width=140)


def main(
    shares: Annotated[int, typer.Option(help="Shares in the database, with three documents each.")] = 1_000_000,
    gib: Annotated[float, typer.Option(help="GiB of the document whose end is asked for.")] = 5.0,
    folder: Annotated[Path, typer.Option(help="Where files go.")] = ROOT / "tmp",
    memory: Annotated[bool, typer.Option(help="Run bench.memory afterwards.")] = True,
) -> None:
    """Measure a large service."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped."))
    with (
        tempfile.TemporaryDirectory(prefix="large-", dir=folder) as place,
        crowded.crowded(Path(place), shares) as (server, running),
        durable(server),
    ):
        console.print(f"{shares} shares are there after {time.monotonic() - began:.0f} s")
        sheets = measure(running, shares, gib)
    notes = [
        f"{shares} shares of {crowded.TENANTS} tenants, with three documents each. "
        f"The sender's account has {shares // crowded.TENANTS} of them. "
        f"The run took {(time.monotonic() - began) / 60:.0f} minutes. {report.machine({})}"
    ]
    report.show(console, sheets, notes)
    if memory:
        subprocess.run([sys.executable, "-m", "bench.memory"], cwd=ROOT, check=True)


def measure(running: Deployment, shares: int, gib: float) -> list[report.Sheet]:
    """Everything that is asked of the one deployment."""
    aims = f"median < {metadata.MEDIAN_MS}, p99 < {metadata.P99_MS}", f"median < {metadata.FIRST_BYTE_MS}"
    asked = metadata.latencies(running.port, metadata.of_metadata(running))
    end = metadata.of_the_end(running, int(gib * 2**30))
    first = metadata.latencies(running.port, end)
    [large] = end.values()
    steps = carried.steps(running, large.path)
    return [
        metadata.sheet(f"Pages and calls among {shares} shares", asked, aims[0]),
        metadata.sheet("The first byte of a range", first, aims[1]),
        carried.sheet(steps),
        carried.growth(steps),
    ]


if __name__ == "__main__":
    typer.run(main)
