"""`python -m bench.memory`: the server's resident memory over time, under one large file and under a crowd of clients.

A file of 5 GiB goes up and down; then 200 uploads and 200 downloads run at once, half of them slow.
"""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench import measuring, report, servers, usage
from bench.measuring import Job
from tests.support.deployment.deployment import OFFSET_TYPE, OLA_NUMBER

ROOT = Path(__file__).resolve().parents[1]

LIMIT_MB = 250
CROWD = 200
SLOW_BYTES, SLOW_SECONDS = 4096, 0.08
"""50 kB/s."""
SECONDS = 45.0
"""So long the crowd is there."""
EACH = 128 * 2**20
_BLOCK = os.urandom(2**18)
console = Console(width=140)
app = typer.Typer(pretty_exceptions_enable=False)


@dataclass(slots=True)
class Peak:
    """Most resident megabytes that one process had."""

    megabytes: float = 0.0


@dataclass(slots=True)
class Moved:
    """What the clients of one kind have moved."""

    clients: int = 0
    ended: int = 0
    moved: int = 0

    def as_text(self) -> str:
        """Return the text of a table cell."""
        return f"{self.moved / 1e9:.2f} GB, {self.ended} complete"


Talk = Callable[[Moved, socket.socket], Awaitable[None]]


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """Sample the memory of the server's largest process five times a second."""
    peak, over = Peak(), threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            held = usage.resident_bytes([pid])
            peak.megabytes = max([peak.megabytes, *(one / 1e6 for one in held.values())])

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join()


def one_large(ours: servers.Ours, length: int) -> Peak:
    """One file up and down."""
    with tempfile.TemporaryDirectory(prefix="deldokument-bench-", dir="/dev/shm") as name:
        source = Path(name) / "source"
        measuring.make_source(source, length)
        place = ours.place(length)
        with watched(ours.deployment.server.pid) as peak:
            measuring.talk(ours, Job(place.upload, length, source))
            measuring.talk(ours, Job(place.download(), length))
        place.discard()
    ours.settle()
    return peak


def crowd(ours: servers.Ours, size: int) -> tuple[Peak, Mapping[str, Moved]]:
    """So many uploads and so many downloads at once, half of each slow."""
    with tempfile.TemporaryDirectory(prefix="deldokument-bench-", dir="/dev/shm") as name:
        source = Path(name) / "source"
        measuring.make_source(source, 2 * EACH)
        there = ours.place(2 * EACH)
        measuring.talk(ours, Job(there.upload, 2 * EACH, source))
    download = there.download()
    drafts = [_upload(ours) for _ in range(size)]
    kinds = {name: Moved() for name in ("quick uploads", "slow uploads", "quick downloads", "slow downloads")}
    clients: list[Coroutine[Any, Any, None]] = []
    for number, (_, head) in enumerate(drafts):
        slow = number % 2 == 1
        speed = "slow" if slow else "quick"
        clients.append(_client(kinds[f"{speed} uploads"], ours.port, _sent(head, slow=slow)))
        clients.append(_client(kinds[f"{speed} downloads"], ours.port, _taken(download, slow=slow)))
    with watched(ours.deployment.server.pid) as peak:
        asyncio.run(_all(clients))
    for draft, _ in drafts:
        ours.forsake(draft)
    there.discard()
    return peak, kinds


def _upload(ours: servers.Ours) -> tuple[str, bytes]:
    draft = ours.deployment.draft()
    ours.deployment.add_recipients(draft, [OLA_NUMBER])
    ticket = ours.deployment.announce(draft, "mengde.bin", EACH)
    path = ours.deployment.create_upload(ticket)
    headers = {**ticket.headers, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    return draft, servers.request("PATCH", path, headers, EACH)


async def _all(clients: Sequence[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*clients)


async def _client(kind: Moved, port: int, talk: Talk) -> None:
    """One client, until it has ended or the time is over."""
    kind.clients += 1
    with socket.socket() as connection, suppress(TimeoutError, OSError):
        connection.setblocking(False)
        async with asyncio.timeout(SECONDS):
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
            await talk(kind, connection)
            kind.ended += 1


def _sent(head: bytes, *, slow: bool) -> Talk:
    """An upload of EACH bytes."""

    async def talk(kind: Moved, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, head)
        block = _BLOCK[:SLOW_BYTES] if slow else _BLOCK
        for _ in range(EACH // len(block)):
            await loop.sock_sendall(connection, block)
            kind.moved += len(block)
            await asyncio.sleep(SLOW_SECONDS if slow else 0)
        await loop.sock_recv(connection, 4096)

    return talk


def _taken(head: bytes, *, slow: bool) -> Talk:
    """A download of twice EACH bytes."""

    async def talk(kind: Moved, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, head)
        buffer, left = memoryview(bytearray(SLOW_BYTES if slow else len(_BLOCK))), 2 * EACH
        while left > 0 and (count := await loop.sock_recv_into(connection, buffer)):
            left -= count
            kind.moved += count
            await asyncio.sleep(SLOW_SECONDS if slow else 0)

    return talk


@contextmanager
def _served(folder: Path, workers: int) -> Iterator[servers.Ours]:
    with (
        tempfile.TemporaryDirectory(prefix="memory-", dir=folder) as place,
        servers.ours(Path(place), durable=True, workers=workers) as ours,
    ):
        yield ours


def _sheet(alone: Mapping[str, Moved], shared: Mapping[str, Moved], processes: int) -> report.Sheet:
    """Return the table of the data that each kind of client moved, with one process and with several."""
    rows = [(f"{one.clients} {name}", one.as_text(), shared[name].as_text()) for name, one in alone.items()]
    return report.Sheet("Data moved by the crowd", ("clients", "one process", f"{processes} processes"), rows)


@app.command()
def main(
    gib: Annotated[float, typer.Option(help="GiB of the large file.")] = 5.0,
    size: Annotated[int, typer.Option(help="So many uploads, and as many downloads, at once.")] = CROWD,
    folder: Annotated[Path, typer.Option(help="Where files go.")] = ROOT / "tmp",
) -> None:
    """Watch the server's memory under one large file, and under a crowd."""
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The benchmark was stopped."))
    with _served(folder, 1) as ours:
        large = one_large(ours, int(gib * 2**30))
        alone, moved = crowd(ours, size)
    processes = os.cpu_count() or 1
    with _served(folder, processes) as ours:
        shared, moved_by_several = crowd(ours, size)
    notes = [
        f"One file of {gib:g} GiB up and down: at most {large.megabytes:.0f} MB.",
        f"A crowd of {size} uploads and {size} downloads for {SECONDS:.0f} s, half of each at 50 kB/s: "
        f"one process has at most {alone.megabytes:.0f} MB. With `serve --workers {processes}`, one for each core, "
        f"no process has more than {shared.megabytes:.0f} MB. The limit is {LIMIT_MB} MB.",
        report.machine({}),
    ]
    report.show(console, [_sheet(moved, moved_by_several, processes)], notes)


if __name__ == "__main__":
    app()
