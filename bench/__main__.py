"""`python -m bench`: set the servers up, go through them in rounds, print the tables, clear away."""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
# The deployment that is measured is the one that the tests run.
sys.path.insert(0, str(ROOT / "tests"))

from bench import measuring, report, servers  # noqa: E402 - after the path above

CHECKED = 64 * 2**20
BASE, TUS, OURS = "nginx as it comes", "@tus/server, FileStore", "Del dokument"
MIDDLE, LARGE = "nginx, 128 KiB body buffer", "nginx, 1 MiB body buffer"
console = Console(width=120)
app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Case:
    """A server and whether its uploads are on stable storage when they count as done."""

    title: str
    server: servers.Server
    synced: bool
    up: list[measuring.Measured] = field(default_factory=list)
    down: list[measuring.Measured] = field(default_factory=list)


@app.command()
def main(
    size: Annotated[float, typer.Option(help="GiB of the file.")] = 2.0,
    rounds: Annotated[int, typer.Option(help="Rounds through all servers.")] = 3,
    only: Annotated[str, typer.Option(help="Titles that hold this text, and nginx as it comes.")] = "",
    folder: Annotated[Path, typer.Option(help="Where files go; the disk is measured too.")] = ROOT / "tmp",
    write: Annotated[bool, typer.Option(help="Put the tables into docs/performance.md.")] = False,
) -> None:
    """Measure uploads and downloads of one large file against nginx and @tus/server."""
    folder.mkdir(parents=True, exist_ok=True)
    # An exception clears away what a signal would leave.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped."))
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=folder)))
        memory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deldokument-bench-", dir="/dev/shm")))
        product: list[servers.Ours] = []
        cases = [case for case in _cases(stack, place, product) if only in case.title or case.title == BASE]
        _check(cases, memory / "small")
        source = memory / "source"
        measuring.make_source(source, int(size * 2**30))
        for number in range(rounds):
            for case in cases:
                _measure(case, source, place, f"{number + 1}/{rounds}")
        _tell(cases, _notes(size, rounds, product, int(size * 2**30)), write=write)


def _cases(stack: ExitStack, place: Path, product: list[servers.Ours]) -> list[Case]:
    plain = stack.enter_context(servers.nginx(place / "nginx", BASE, ""))
    middle = stack.enter_context(servers.nginx(place / "nginx-128k", MIDDLE, "client_body_buffer_size 128k;"))
    large = stack.enter_context(servers.nginx(place / "nginx-1m", LARGE, "client_body_buffer_size 1m;"))
    tus = stack.enter_context(servers.tus_server(place / "tus"))
    quick = stack.enter_context(servers.ours(place / "ours-quick", durable=False))
    durable = stack.enter_context(servers.ours(place / "ours", durable=True))
    product += [quick, durable]
    apart: list[tuple[str, servers.Server, servers.Server]] = [
        (BASE, plain, plain),
        (MIDDLE, middle, middle),
        (LARGE, large, large),
        (TUS, tus, tus),
        (OURS, quick, durable),
    ]
    return [Case(title, server, synced) for title, off, on in apart for server, synced in ((off, False), (on, True))]


def _check(cases: list[Case], source: Path) -> None:
    digest = measuring.make_source(source, CHECKED)
    for case in cases:
        measuring.check(case.server, source, digest)


def _measure(case: Case, source: Path, place: Path, number: str) -> None:
    sample = measuring.take(case.server, source, place, synced=case.synced, down=not case.synced)
    case.up.append(sample.up)
    told = f"up {sample.up.rate / report.GB:.2f} GB/s"
    if sample.down:
        case.down.append(sample.down)
        told += f", down {sample.down.rate / report.GB:.2f} GB/s"
    console.print(f"{number} {case.title}, fsync {'on' if case.synced else 'off'}: {told}; others {sample.others:.2f}")


def _notes(size: float, rounds: int, product: list[servers.Ours], length: int) -> list[str]:
    taken = [seconds for server in product for bytes_, seconds in server.inspections if bytes_ == length]
    inspection = (
        f"Inspection by the worker after an upload, not in the tables: median {median(taken):.1f} s." if taken else ""
    )
    return [f"{size:g} GiB, {rounds} rounds. {report.machine(servers.versions())}", inspection]


def _tell(cases: list[Case], notes: list[str], *, write: bool) -> None:
    off, on = ([case for case in cases if case.synced == synced] for synced in (False, True))
    tables = {
        "Upload, fsync off": report.rows({case.title: case.up for case in off}, BASE),
        "Upload, fsync on": report.rows({case.title: case.up for case in on}, BASE),
        "Download": report.rows({case.title: case.down for case in off}, BASE),
    }
    for title, body in tables.items():
        table = Table(*report.HEAD, title=title)
        for row in body:
            table.add_row(*row)
        console.print(table)
    console.print(*notes, sep="\n")
    if write:
        report.write(ROOT / "docs" / "performance.md", report.markdown(tables, notes))


if __name__ == "__main__":
    app()
