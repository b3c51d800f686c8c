"""`python -m bench`: set the servers up, go through them in rounds, print the tables, clear away.

A server that does not start, or does not do what is asked of it, has that in its row and ends nothing.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console

from bench import distance, measuring, peers, report, servers
from bench.measuring import Measured, Samples
from bench.servers import Server

ROOT = Path(__file__).resolve().parents[1]

CHECKED = 16 * 2**20
BASE, LARGE, OURS = "nginx as it comes", "nginx, 1 MiB body buffer", "Del dokument"
AT_SOCKET = f"{OURS}, Unix socket"
MIB = "client_body_buffer_size 1m;"
FOUR = 4
console = Console(width=140)
app = typer.Typer(pretty_exceptions_enable=False)

OFF, ON, DOWN = "Upload, fsync off", "Upload, fsync on", "Download"
TLS_UP, TLS_DOWN = "Upload behind TLS, fsync off", "Download behind TLS"
FOUR_UP, FOUR_DOWN, MIXED = (
    "Four uploads at once, in sum",
    "Four downloads at once, in sum",
    "Two up and two down, in sum",
)


@dataclass(slots=True)
class Bench:
    """The servers that run, the files that are sent, and what has been found."""

    stack: ExitStack
    place: Path
    sources: dict[float, Path]
    digest: str
    running: dict[str, Server | str] = field(default_factory=dict)
    found: dict[str, dict[str, Samples]] = field(default_factory=dict)
    latencies: list[tuple[float, float, int]] = field(default_factory=list)
    distances: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def start(self, name: str, server: AbstractContextManager[Server]) -> None:
        """Keep it, or why it did not start."""
        try:
            started = self.stack.enter_context(server)
            measuring.check(started, self.sources[0], self.digest)
        except Exception as error:
            # After any error the others are still measured.
            self.running[name] = _failure_text(error)
            console.print(f"{name}: {self.running[name]}")
        else:
            self.running[name] = started

    def gives_back(self, key: str) -> bool:
        """Whether what runs under ``key`` has downloads; one that did not start would have had."""
        server = self.running[key]
        return isinstance(server, str) or server.gives_back

    def take(self, titles: Sequence[str], name: str, key: str, sample: Callable[[Server], list[Measured]]) -> None:
        """One sample, for the tables of these titles, of the server that runs under ``key``."""
        kept = [self.found.setdefault(title, {}).setdefault(name, Samples()) for title in titles]
        server = self.running[key]
        try:
            if isinstance(server, str):
                raise measuring.Failed(server)
            measured = sample(server)
        except Exception as error:
            for samples in kept:
                samples.failure = _failure_text(error)
            console.print(f"{name}: {titles[0]}: failed: {_failure_text(error)}")
            return
        for samples, one in zip(kept, measured, strict=True):
            samples.found.append(one)
        rates = ", ".join(f"{title} {one.rate / report.GB:.2f}" for title, one in zip(titles, measured, strict=True))
        console.print(f"{name}: {rates} GB/s; others {max(one.others for one in measured):.2f}")


def _failure_text(error: Exception) -> str:
    """In a cell of a table."""
    return f"{type(error).__name__}: {error}".splitlines()[0].replace("|", "/")[:100]


@app.command()
def main(
    size: Annotated[float, typer.Option(help="GiB of the file.")] = 2.0,
    rounds: Annotated[int, typer.Option(help="Rounds through all servers.")] = 3,
    only: Annotated[str, typer.Option(help="Servers whose names hold this text, and nginx.")] = "",
    folder: Annotated[Path, typer.Option(help="Where files go; the disk is measured too.")] = ROOT / "tmp",
    write: Annotated[bool, typer.Option(help="Put the summary into docs/performance.md.")] = False,
) -> None:
    """Measure large files up and down beside nginx, tus servers and others that encrypt nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    # An exception clears away what a signal would leave.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped."))
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=folder)))
        memory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="deldokument-bench-", dir="/dev/shm")))
        sources = {share: memory / f"source-{share}" for share in (0, 0.25, 0.5, 1)}
        digests = [measuring.make_source(path, int(size * share * 2**30) or CHECKED) for share, path in sources.items()]
        bench = Bench(stack, place, sources, digests[0])
        _start(bench, only)
        for number in range(rounds):
            console.print(f"round {number + 1} of {rounds}, {time.monotonic() - began:.0f} s")
            _round(bench)
        _show(bench, _notes(bench, size, rounds, time.monotonic() - began), write=write)


def _start(bench: Bench, only: str) -> None:
    place = bench.place
    bench.start(BASE, servers.nginx(place / "nginx"))
    bench.start(LARGE, servers.nginx(place / "nginx-1m", MIB))
    bench.start(f"{BASE}, TLS", servers.nginx(place / "nginx-tls", tls=True))
    bench.start(f"{LARGE}, TLS", servers.nginx(place / "nginx-1m-tls", MIB, tls=True))
    others: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
        "@tus/server": peers.tus_server,
        "tuspyserver": peers.tuspyserver,
        "copyparty": peers.copyparty,
        "rclone": peers.rclone,
    }
    for name, start in others.items():
        if only in name:
            bench.start(name, start(place / name.strip("@").replace("/", "-")))
    if only in OURS:
        bench.start(OURS, servers.ours(place / "ours-quick", durable=False))
        bench.start(f"{OURS}, durable", servers.ours(place / "ours", durable=True))
        quick = bench.running[OURS]
        if isinstance(quick, servers.Ours):
            bench.start(f"{OURS}, TLS", servers.fronted(place / "front", quick, "http2 on;"))
            bench.start(f"{AT_SOCKET}, TLS", servers.fronted_at_socket(place / "local", quick, "http2 on;"))
        else:
            bench.running[f"{OURS}, TLS"] = quick


def _round(bench: Bench) -> None:
    """Every server once in every case that is its own."""
    for name in [name for name in bench.running if not name.endswith((", TLS", ", durable"))]:
        file = bench.sources[1]
        durable = f"{name}, durable" if name == OURS else name
        bench.take([OFF, DOWN] if bench.gives_back(name) else [OFF], name, name, _single(bench, file, synced=False))
        if name == OURS:
            bench.take([DOWN], f"{name}, as a zip", name, _zipped(bench, file))
        bench.take([ON], name, durable, _single(bench, file, synced=True))
    for name in [name for name in (BASE, LARGE, OURS, AT_SOCKET) if f"{name}, TLS" in bench.running]:
        bench.take([TLS_UP, TLS_DOWN], name, f"{name}, TLS", _single(bench, bench.sources[0.5], synced=False))
    for name in [name for name in (BASE, LARGE, OURS) if name in bench.running]:
        bench.take([FOUR_UP], name, name, _several(bench, FOUR, 0))
        bench.take([FOUR_DOWN], name, name, _several(bench, 0, FOUR))
        bench.take([MIXED], name, name, _several(bench, FOUR // 2, FOUR // 2))
    ours, front = bench.running.get(OURS), bench.running.get(f"{OURS}, TLS")
    try:
        if isinstance(ours, servers.Ours):
            bench.latencies.append(measuring.latency(ours, bench.sources[0.25], ours.port + 1, "/helse/live", ups=FOUR))
            _distance(bench, "HTTP/1.1", lambda streams: distance.by_connections(ours, bench.place, streams))
        if isinstance(front, servers.Fronted):
            _distance(bench, "HTTP/2 through nginx", lambda streams: distance.by_http2(front, bench.place, streams))
    except Exception as error:
        console.print(f"the last cases of the round: failed: {_failure_text(error)}")


def _distance(bench: Bench, name: str, carry: Callable[[int], float]) -> None:
    found = carry(1), carry(distance.STREAMS)
    bench.distances.setdefault(name, []).append(found)
    console.print(f"{name}, far away: {found[0] / 1e6:.1f} MB/s in one stream, {found[1] / 1e6:.1f} in four")


def _single(bench: Bench, file: Path, *, synced: bool) -> Callable[[Server], list[Measured]]:
    """Up, and down unless it is about stable storage."""
    return lambda server: measuring.up_and_down(
        server, file, bench.place, synced=synced, down=server.gives_back and not synced
    )


def _zipped(bench: Bench, file: Path) -> Callable[[Server], list[Measured]]:
    return lambda server: measuring.down_as_zip(server, file, bench.place)


def _several(bench: Bench, ups: int, downs: int) -> Callable[[Server], list[Measured]]:
    return lambda server: measuring.together(server, bench.sources[0.25], bench.place, ups=ups, downs=downs)


def _notes(bench: Bench, size: float, rounds: int, seconds: float) -> list[str]:
    notes = [
        f"A transfer has {size:g} GiB: half of that behind TLS, a quarter in each of four. "
        f"{rounds} rounds took {seconds / 60:.0f} minutes. {report.machine(servers.versions())}"
    ]
    ours = bench.running.get(OURS)
    if isinstance(ours, servers.Ours):
        taken = [took for length, took in ours.inspections if length > CHECKED]
        if taken:
            notes.append(f"The worker's inspection after an upload is not in the tables: median {median(taken):.1f} s.")
    if bench.latencies:
        middle, most = (median(found[number] for found in bench.latencies) for number in (0, 1))
        asked = sum(found[2] for found in bench.latencies)
        notes.append(
            f"A small request (`/helse/live`) to the same process during four uploads: p50 {middle:.2f} ms, "
            f"p99 {most:.1f} ms (medians of {len(bench.latencies)} rounds, {asked} requests)."
        )
    return notes


def _show(bench: Bench, notes: list[str], *, write: bool) -> None:
    sheets = [report.sheet(title, found, (BASE, LARGE)) for title, found in bench.found.items()]
    sheets.append(_far_away(bench))
    report.show(console, sheets, notes)
    if write:
        table = report.markdown(report.summary(bench.found, (BASE, LARGE), OURS), notes)
        report.write(ROOT / "docs" / "performance.md", "bench", table)


def _far_away(bench: Bench) -> report.Sheet:
    rows = [
        (name, *(f"{median(pair[number] for pair in pairs) / 1e6:.1f}" for number in (0, 1)),
         f"{median(four / one for one, four in pairs):.1f}")
        for name, pairs in bench.distances.items()
    ]  # fmt: skip
    head = ("over 80 ms", "one stream, MB/s", "four streams, MB/s", "ratio")
    return report.Sheet("One file, far away", head, rows)


if __name__ == "__main__":
    app()
