"""Taking one sample: files up or down, alone or at once, with what the server's processes used meanwhile.

Before each sample the disk is idle and memory pages are warm, because a virtual machine's first touch costs several
times as much. A sample disturbed by other processes is repeated at most once. A failed sample leaves neither
clients nor files to the next.
"""

import hashlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import usage
from bench.servers import Place, Server

QUIET = 0.4
"""Cores that others may use in a sample."""
_TRIES = 2
_SECONDS = 300
_BLOCK = os.urandom(2**20)


class Failed(Exception):
    """The server did not do what was asked of it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Transfers: bytes a second, the server's CPU seconds a byte, its peak memory, cores that others used."""

    rate: float
    cpu: float
    memory: int
    others: float


@dataclass(slots=True)
class Samples:
    """What the rounds have found of one case."""

    found: list[Measured] = field(default_factory=list)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One transfer: a request, the file that is its body or None, and its length."""

    head: bytes
    length: int
    body: Path | None = None
    synced: Path | None = None


def make_source(path: Path, length: int) -> str:
    """Random bytes; their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, length, len(_BLOCK)):
            block = os.urandom(min(len(_BLOCK), length - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def check(server: Server, source: Path, digest: str) -> None:
    """That what goes up comes down; warms the server as well."""
    length = source.stat().st_size
    with _places(server, length) as [place]:
        talk(server, Job(place.upload, length, source))
        if server.gives_back and talk(server, Job(place.download(), length), "--hash")["digest"] != digest:
            raise Failed("it did not give back what it was given")


def up_and_down(server: Server, source: Path, folder: Path, *, synced: bool, down: bool) -> list[Measured]:
    """One file up and, if wanted, down."""

    def once() -> list[Measured]:
        length = source.stat().st_size
        with _places(server, length) as [place]:
            _warm(folder / "warm", length)
            sync = place.synced if synced else None
            found = [_at_once(server, [Job(place.upload, length, source, sync)])]
            if down:
                head = place.download()
                # What was written goes to the disk before, and not meanwhile.
                os.sync()
                found.append(_at_once(server, [Job(head, length)]))
        return found

    return _least_disturbed(once)


def down_as_zip(server: Server, source: Path, folder: Path) -> list[Measured]:
    """One file down as a zip of all that is shared with it, which is nothing else."""

    def once() -> list[Measured]:
        length = source.stat().st_size
        with _places(server, length) as [place]:
            if place.archive is None:
                raise Failed("it makes no zip")
            talk(server, Job(place.upload, length, source))
            head, zipped = place.archive()
            _warm(folder / "warm", length)
            return [_at_once(server, [Job(head, zipped)])]

    return _least_disturbed(once)


def together(server: Server, source: Path, folder: Path, *, ups: int, downs: int) -> list[Measured]:
    """So many files up and so many others down at once; their sum."""

    def once() -> list[Measured]:
        length = source.stat().st_size
        with _places(server, length, downs + ups) as places:
            there, fresh = places[:downs], places[downs:]
            for place in there:
                talk(server, Job(place.upload, length, source))
            jobs = [Job(place.download(), length) for place in there]
            _warm(folder / "warm", length * max(ups, 1))
            return [_at_once(server, [*jobs, *(Job(place.upload, length, source) for place in fresh)])]

    return _least_disturbed(once)


def latency(server: Server, source: Path, port: int, path: str, *, ups: int) -> tuple[float, float, int]:
    """Median and 99th percentile, in milliseconds, of a small request while so many files go up; how many were made."""
    length = source.stat().st_size
    over, took = threading.Event(), list[float]()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SECONDS)
        while not over.is_set():
            began = time.perf_counter()
            connection.request("GET", path)
            connection.getresponse().read()
            took.append((time.perf_counter() - began) * 1000)
            over.wait(0.005)
        connection.close()

    asking = threading.Thread(target=ask)
    with _places(server, length, ups) as places:
        asking.start()
        try:
            _at_once(server, [Job(place.upload, length, source) for place in places])
        finally:
            over.set()
            asking.join()
    return median(took), sorted(took)[int(len(took) * 0.99)], len(took)


def _least_disturbed(once: Callable[[], list[Measured]]) -> list[Measured]:
    tries: list[list[Measured]] = []
    while not tries or (_disturbance(tries[-1]) > QUIET and len(tries) < _TRIES):
        tries.append(once())
    return min(tries, key=_disturbance)


def _disturbance(found: Sequence[Measured]) -> float:
    return max(measured.others for measured in found)


@contextmanager
def _places(server: Server, length: int, count: int = 1) -> Iterator[list[Place]]:
    """So many, which are removed afterwards, also after an error."""
    with ExitStack() as gone:
        gone.callback(server.settle)
        places = [server.place(length) for _ in range(count)]
        for place in places:
            gone.callback(place.discard)
        yield places


def _warm(path: Path, length: int) -> None:
    os.sync()
    with path.open("wb", buffering=0) as file:
        for _ in range(length * 11 // 10 // len(_BLOCK)):
            file.write(_BLOCK)
    path.unlink()
    os.sync()


def _at_once(server: Server, jobs: Sequence[Job]) -> Measured:
    clients = [_start(server, job) for job in jobs]
    usage.forget_peak(server.pids)
    used, busy, began = usage.cpu_seconds(server.pids), usage.busy_seconds(), time.perf_counter()
    try:
        for client, job in zip(clients, jobs, strict=True):
            _begin(client, job)
        answers = [_end(client, job) for client, job in zip(clients, jobs, strict=True)]
    finally:
        for client in clients:
            client.kill()
            client.wait()
    used, busy = usage.cpu_seconds(server.pids) - used, usage.busy_seconds() - busy
    elapsed = time.perf_counter() - began
    seconds = max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers)
    length = sum(job.length for job in jobs)
    others = max(0.0, busy - used - sum(answer["cpu"] for answer in answers)) / elapsed
    return Measured(length / seconds, used / length, usage.peak_bytes(server.pids), others)


def talk(server: Server, job: Job, *options: str) -> dict[str, Any]:
    """One transfer, not measured; what the client tells of it."""
    client = _start(server, job, *options)
    _begin(client, job)
    return _end(client, job)


def _start(server: Server, job: Job, *options: str) -> subprocess.Popen[bytes]:
    """A client that is ready."""
    command = [sys.executable, "-m", "bench.client", str(server.port), *options]
    for name, path in (("--body", job.body), ("--then-sync", job.synced), ("--ca", server.ca)):
        command += [name, str(path)] if path else []
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert client.stdout is not None
    client.stdout.readline()
    return client


def _begin(client: subprocess.Popen[bytes], job: Job) -> None:
    assert client.stdin is not None
    client.stdin.write(job.head)
    client.stdin.close()
    client.stdin = None


def _end(client: subprocess.Popen[bytes], job: Job) -> dict[str, Any]:
    try:
        said, wrong = client.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        client.kill()
        raise Failed(f"no end in {_SECONDS} s") from None
    if client.returncode:
        raise Failed(wrong.decode().strip().rpartition("\n")[2])
    answer: dict[str, Any] = json.loads(said)
    if not 200 <= answer["status"] < 300:
        raise Failed(f"it answered {answer['status']}")
    if job.body is None and answer["received"] != job.length:
        raise Failed(f"it sent {answer['received']} of {job.length} bytes")
    return answer
