"""5 GiB through the real HTTP stack, both ways: bounded memory, the same SHA-256, a quick last megabyte.

The content is generated as it is sent and hashed as it comes; the client stores nothing. -s shows the numbers.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment
from tests.uploads.tus import Uploading

pytestmark = [pytest.mark.large, pytest.mark.timeout(1500)]
LENGTH = 5 * 2**30
BLOCK = 2**20
MEMORY = 200_000_000


def blocks() -> Iterator[bytes]:
    """LENGTH bytes, no two blocks alike, cheap to make."""
    filling = hashlib.shake_128(b"deldokument").digest(BLOCK - 8)
    for number in range(LENGTH // BLOCK):
        yield number.to_bytes(8) + filling


class Memory(threading.Thread):
    """The most memory that the server held, looked at twenty times a second."""

    def __init__(self, running: Deployment) -> None:
        super().__init__(daemon=True)
        self._running = running
        self._over = threading.Event()
        self.most = 0

    def run(self) -> None:
        while not self._over.wait(0.05):
            self.most = max(self.most, self._running.rss())

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def print_figure(line: str) -> None:
    sys.stdout.write(f"\n{line}")
    sys.stdout.flush()


def test_five_gib_up_and_down_in_bounded_memory(tmp_path: Path) -> None:
    with Deployment(tmp_path) as running, Memory(running) as memory:
        print_figure(f"memory at rest {running.rss() / 1e6:.0f} MB")
        draft_id = running.draft()
        running.add_recipients(draft_id, [OLA_NUMBER])
        sent = upload(running, draft_id)
        print_figure(f"most memory after the upload {memory.most / 1e6:.0f} MB")
        began = time.monotonic()
        running.publish(draft_id, by_worker=True)
        print_figure(f"inspection {time.monotonic() - began:.1f} s")
        [path] = running.document_paths(draft_id)
        assert download(running, path) == sent
        last_megabyte(running, path)
        print_figure(f"most memory throughout {memory.most / 1e6:.0f} MB\n")
    assert 0 < memory.most < MEMORY


def upload(running: Deployment, draft_id: str) -> str:
    """Two requests, the first of which breaks off in the middle; the digest of what was sent."""
    ticket = running.announce(draft_id, "fem gigabyte.bin", LENGTH)
    upload = Uploading(running, ticket, running.create_upload(ticket))
    digest = hashlib.sha256()
    for block in blocks():
        digest.update(block)
    began = time.monotonic()
    with upload.raw(0, LENGTH) as connection:
        for number, block in enumerate(blocks()):
            if number == LENGTH // BLOCK // 2:
                break
            connection.sendall(block)
    offset = upload.offset()
    while (later := settled(upload)) != offset:
        offset = later
    assert offset > LENGTH // 2 - 16 * BLOCK
    with upload.raw(offset, LENGTH - offset) as connection:
        for number, block in enumerate(blocks()):
            start = number * BLOCK
            if start + BLOCK > offset:
                connection.sendall(block[max(offset - start, 0) :])
        assert connection.recv(65536).startswith(b"HTTP/1.1 204")
    seconds = time.monotonic() - began
    print_figure(
        f"upload {seconds:.1f} s, {LENGTH / seconds / 1e9:.2f} GB/s, broken off and resumed at {offset / 2**20:.0f} MiB"
    )
    assert upload.offset() == LENGTH
    return digest.hexdigest()


def settled(upload: Uploading) -> int:
    time.sleep(0.5)
    return upload.offset()


def download(running: Deployment, path: str) -> str:
    digest, got, began = hashlib.sha256(), 0, time.monotonic()
    with running.session(OLA).stream("GET", path) as answer:
        assert (answer.status_code, answer.headers["content-length"]) == (200, str(LENGTH))
        for piece in answer.iter_raw(BLOCK):
            digest.update(piece)
            got += len(piece)
    seconds = time.monotonic() - began
    assert got == LENGTH
    print_figure(f"download {seconds:.1f} s, {LENGTH / seconds / 1e9:.2f} GB/s (hashed by the client as it comes)")
    return digest.hexdigest()


def last_megabyte(running: Deployment, path: str) -> None:
    ola, took, start = running.session(OLA), [], LENGTH - BLOCK
    expected = (LENGTH // BLOCK - 1).to_bytes(8)
    for _ in range(15):
        began = time.monotonic()
        with ola.stream("GET", path, headers={"Range": f"bytes={start}-"}) as answer:
            pieces = answer.iter_raw(1024)
            first = next(pieces)
            took.append(time.monotonic() - began)
            assert (answer.status_code, first[:8]) == (206, expected)
            assert sum(len(piece) for piece in pieces) == BLOCK - len(first)
    print_figure(
        f"first byte of the last megabyte: median {statistics.median(took) * 1000:.1f} ms, most {max(took) * 1000:.1f}"
    )
    assert statistics.median(took) < 0.050


def test_fifty_stalled_readers_hold_little_and_slow_nobody(tmp_path: Path) -> None:
    with Deployment(tmp_path) as running:
        content = bytes(BLOCK) * 100
        share_id = running.share([OLA_NUMBER], {"hundre.bin": content})
        [path] = running.document_paths(share_id)
        ola = running.session(OLA)
        alone = min(seconds_for(ola, path) for _ in range(3))
        with Memory(running) as memory:
            stalled = [ola.stream("GET", path) for _ in range(50)]
            answers = [stream.__enter__() for stream in stalled]
            beside = min(seconds_for(ola, path) for _ in range(3))
            for stream in stalled:
                stream.__exit__(None, None, None)
        assert {answer.status_code for answer in answers} == {200}
    print_figure(
        f"100 MiB alone {alone:.2f} s, beside 50 stalled readers {beside:.2f} s, memory {memory.most / 1e6:.0f} MB\n"
    )
    assert beside < 3 * alone + 0.5
    assert memory.most < 300_000_000


def seconds_for(client: httpx.Client, path: str) -> float:
    began = time.monotonic()
    with client.stream("GET", path) as answer:
        assert sum(len(piece) for piece in answer.iter_raw(BLOCK)) == 100 * BLOCK
    return time.monotonic() - began
