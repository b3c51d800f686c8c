"""The zip at its limits over the real HTTP stack: seventy thousand entries, and entries beyond 4 GiB.

A resumed download equals an uninterrupted one, and `unzip -t`, `7z t`, `bsdtar -t` and Python find no fault in it.
With -s, memory and times are printed; memory is asserted too.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from deldokument.adapters.blobs.directory import DirectoryBlobStore
from tests.support.bulk.many_documents import READERS, content_of, fill
from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment

pytestmark = [pytest.mark.large, pytest.mark.timeout(1500)]
COUNT, SIZE = 70_000, 1000
BEYOND = 4 * 2**30 + 5
BLOCK = 2**20
MEMORY = 250_000_000
"""Two such archives at once: one that is opened while the receipts of the other are written."""


@dataclass(frozen=True, slots=True)
class Zipped:
    running: Deployment
    share_id: str
    ola: httpx.Client

    @property
    def path(self) -> str:
        return f"/d/{self.share_id}/alt.zip"

    def head(self) -> httpx.Headers:
        return self.ola.head(self.path).raise_for_status().headers

    def fetch(self, target: Path, *, first: int | None = None) -> None:
        """By curl, resuming what ``target`` holds; only as many bytes as ``first`` says when it breaks off there."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.ola.cookies.items())
        command = ["curl", "-sS", "--fail", "-C", "-", "-b", cookie, "-o", str(target), self.running.url + self.path]
        if first is None:
            subprocess.run(command, check=True, timeout=600)
            return
        with subprocess.Popen(command) as interrupted:
            while not target.exists() or target.stat().st_size < first:
                assert interrupted.poll() is None
                time.sleep(0.01)
            interrupted.kill()


def print_figure(line: str) -> None:
    sys.stdout.write(f"\n{line}")
    sys.stdout.flush()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_with_every_reader(path: Path, names: int) -> None:
    for command in READERS:
        began = time.monotonic()
        done = subprocess.run([*command, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, (command, done.stderr[-500:])
        print_figure(f"{' '.join(command)}: {time.monotonic() - began:.1f} s")
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == names
        assert archive.testzip() is None


class Memory(threading.Thread):
    """The most memory that the server held, looked at ten times a second."""

    def __init__(self, running: Deployment) -> None:
        super().__init__(daemon=True)
        self._running, self._over, self.most = running, threading.Event(), 0

    def run(self) -> None:
        while not self._over.wait(0.1):
            self.most = max(self.most, self._running.rss())

    def __enter__(self) -> Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def test_seventy_thousand_entries_come_whole_in_bounded_memory_and_resume(tmp_path: Path) -> None:
    with Deployment(tmp_path / "deployment") as running:
        share_id = running.share([OLA_NUMBER], {"først.txt": b"first"})
        quick = DirectoryBlobStore(running.data / "blobs", durable=False)
        fill(replace(running.node.deps, blobs=quick), share_id, COUNT, size=SIZE)
        zipped = Zipped(running, share_id, running.session(OLA))
        with Memory(running) as memory:
            began = time.monotonic()
            head = zipped.head()
            print_figure(f"HEAD {time.monotonic() - began:.2f} s, {int(head['content-length']) / 1e6:.0f} MB")
            whole, resumed = tmp_path / "whole.zip", tmp_path / "resumed.zip"
            began = time.monotonic()
            zipped.fetch(whole)
            print_figure(f"GET {time.monotonic() - began:.2f} s")
            zipped.fetch(resumed, first=20_000_000)
            zipped.fetch(resumed)
        print_figure(f"most memory {memory.most / 1e6:.0f} MB")
        assert resumed.read_bytes() == whole.read_bytes()
        check_against(whole, head, zipped)
        check_with_every_reader(whole, COUNT + 1)
        with zipfile.ZipFile(whole) as archive:
            assert archive.read("sak/69/69999.txt") == content_of(69_999, SIZE)
        with running.node.deps.database.read() as tx:
            had = [receipt for receipt in tx.receipts.of_shares([share_id]) if receipt.document_id]
        assert len(had) == COUNT + 1
        assert all(receipt.completed_at for receipt in had)
    assert memory.most < MEMORY


def check_against(whole: Path, head: httpx.Headers, zipped: Zipped) -> None:
    """What came is as long as was said, and so is every range around borders of entries, the directory, and the end."""
    length, etag = whole.stat().st_size, head["etag"]
    assert (head["content-length"], etag[0], zipped.head()["etag"]) == (str(length), '"', etag)
    with zipfile.ZipFile(whole) as archive:
        entries = archive.infolist()
        places = {entries[number].header_offset for number in (0, 1, len(entries) // 2, -1)}
        places |= {archive.start_dir, length}
    with whole.open("rb") as file:
        for place in places:
            first, last = max(place - 300, 0), min(place + 300, length)
            asked = {"Range": f"bytes={first}-{last - 1}", "If-Range": etag}
            answer = zipped.ola.get(zipped.path, headers=asked)
            file.seek(first)
            had = answer.status_code, answer.headers["etag"], answer.content
            assert had == (206, etag, file.read(last - first)), place


def test_entries_beyond_4_gib_come_whole_and_resume_behind_the_first(tmp_path: Path) -> None:
    with Deployment(tmp_path / "deployment") as running:
        draft_id = running.draft()
        running.add_recipients(draft_id, [OLA_NUMBER])
        upload(running, draft_id, "stor.bin", BEYOND)
        running.upload(draft_id, "mappe/etter.txt", b"behind 4 GiB")
        upload(running, draft_id, "mappe/stor igjen.bin", BEYOND)
        running.publish(draft_id, by_worker=True)
        zipped = Zipped(running, draft_id, running.session(OLA))
        whole, resumed, head = tmp_path / "whole.zip", tmp_path / "resumed.zip", zipped.head()
        with Memory(running) as memory:
            began = time.monotonic()
            zipped.fetch(whole)
            seconds = time.monotonic() - began
            zipped.fetch(resumed, first=BEYOND + 200_000_000)
            zipped.fetch(resumed)
        check_against(whole, head, zipped)
    print_figure(
        f"{whole.stat().st_size / seconds / 1e9:.2f} GB/s to curl and its disk, memory {memory.most / 1e6:.0f} MB"
    )
    assert sha256(resumed) == sha256(whole)
    resumed.unlink()
    check_with_every_reader(whole, 3)
    assert memory.most < MEMORY


def upload(running: Deployment, draft_id: str, name: str, length: int) -> None:
    ticket = running.announce(draft_id, name, length)
    path = running.create_upload(ticket)
    headers = ticket.headers | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    body = (bytes([number % 251]) * min(BLOCK, length - number * BLOCK) for number in range(-(-length // BLOCK)))
    sized = headers | {"Content-Length": str(length)}
    answer = httpx.patch(running.url + path, headers=sized, content=body, timeout=600)
    assert answer.status_code == 204, answer.text
