"""Taking one sample: a file up, the same file down, with what the server's processes used meanwhile.

Promises that before each sample the disk is at rest and pages are warm (a virtual machine's first touch of memory is
several times as dear), and that a sample that other processes disturbed is taken again, at most twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import usage
from bench.servers import Server

QUIET = 0.4
"""Cores that others may use in a sample."""
_TRIES = 3
_BLOCK = os.urandom(2**20)


@dataclass(frozen=True, slots=True)
class Measured:
    """One transfer: bytes a second, the server's CPU seconds a byte, its peak memory, cores that others used."""

    rate: float
    cpu: float
    memory: int
    others: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Up, and down unless it was not asked for."""

    up: Measured
    down: Measured | None

    @property
    def others(self) -> float:
        """The worse of the two disturbances."""
        return max(self.up.others, self.down.others if self.down else 0.0)


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
    place = server.place(source.stat().st_size)
    _talk(server, place.upload, "--body", str(source))
    if _talk(server, place.download(), "--hash")["digest"] != digest:
        raise SystemExit(f"{server.name} did not give back what it was given")
    place.discard()


def take(server: Server, source: Path, folder: Path, *, synced: bool, down: bool) -> Sample:
    """The least disturbed of at most three tries."""
    tries: list[Sample] = []
    while not tries or (tries[-1].others > QUIET and len(tries) < _TRIES):
        tries.append(_try(server, source, folder, synced=synced, down=down))
    return min(tries, key=lambda sample: sample.others)


def _try(server: Server, source: Path, folder: Path, *, synced: bool, down: bool) -> Sample:
    length = source.stat().st_size
    place = server.place(length)
    _warm(folder / "warm", length)
    sync = ["--then-sync", str(place.synced)] if synced and place.synced else []
    up = _measure(server, place.upload, length, "--body", str(source), *sync)
    fetched = _measure(server, place.download(), length) if down else None
    if not down:
        place.download()
    place.discard()
    return Sample(up, fetched)


def _warm(path: Path, length: int) -> None:
    os.sync()
    with path.open("wb", buffering=0) as file:
        for _ in range(length * 11 // 10 // len(_BLOCK)):
            file.write(_BLOCK)
    path.unlink()
    os.sync()


def _measure(server: Server, head: bytes, length: int, *options: str) -> Measured:
    usage.forget_peak(server.pid)
    used, busy, began = usage.cpu_seconds(server.pid), usage.busy_seconds(), time.perf_counter()
    answer = _talk(server, head, *options)
    used, busy = usage.cpu_seconds(server.pid) - used, usage.busy_seconds() - busy
    elapsed = time.perf_counter() - began
    if "--body" not in options and answer["received"] != length:
        raise SystemExit(f"{server.name} sent {answer['received']} of {length} bytes")
    others = max(0.0, busy - used - answer["cpu"]) / elapsed
    return Measured(length / answer["seconds"], used / length, usage.peak_bytes(server.pid), others)


def _talk(server: Server, head: bytes, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.client", str(server.port), *options]
    done = subprocess.run(command, input=head, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{server.name}: {done.stderr.decode()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if not 200 <= answer["status"] < 300:
        raise SystemExit(f"{server.name} answered {answer['head']}")
    return answer
