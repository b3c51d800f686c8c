"""All documents as one zip: exact length, any range, a resumed download like an uninterrupted one."""

import io
import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.bulk.many_documents import READERS
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, OLA, OLA_NUMBER, Deployment

DOCUMENTS = {"a.pdf": 9_000_000, "tom.txt": 0, "A.PDF": 100, "b.bin": 1_500_000}


@dataclass(frozen=True, slots=True)
class Zipped:
    id: str
    path: str
    files: dict[str, bytes]
    whole: bytes
    ola: httpx.Client


@pytest.fixture(scope="module")
def zipped(deployment: Deployment) -> Zipped:
    files = {name: os.urandom(length) for name, length in DOCUMENTS.items()}
    share_id = deployment.share([OLA_NUMBER], files)
    ola, path = deployment.session(OLA, fresh=True), f"/d/{share_id}/alt.zip"
    return Zipped(share_id, path, files, ola.get(path).content, ola)


@BOTH_SOCKET_MODES
def test_the_zip_holds_every_document_whole(zipped: Zipped) -> None:
    with zipfile.ZipFile(io.BytesIO(zipped.whole)) as archive:
        assert archive.testzip() is None
        assert [archive.read(entry) for entry in archive.infolist()] == list(zipped.files.values())
        assert archive.namelist() == ["a.pdf", "tom.txt", "A (2).PDF", "b.bin"]
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


@BOTH_SOCKET_MODES
def test_other_programs_find_no_fault_in_it(zipped: Zipped, tmp_path: Path) -> None:
    (tmp_path / "alt.zip").write_bytes(zipped.whole)
    for command in READERS:
        done = subprocess.run([*command, str(tmp_path / "alt.zip")], capture_output=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


@BOTH_SOCKET_MODES
def test_head_returns_the_exact_length_and_the_same_etag_again_and_again(zipped: Zipped) -> None:
    head, again = zipped.ola.head(zipped.path), zipped.ola.head(zipped.path)
    assert head.headers["content-length"] == str(len(zipped.whole))
    assert head.headers["etag"] == again.headers["etag"]
    assert head.headers["content-type"] == "application/zip"


@BOTH_SOCKET_MODES
def test_a_range_over_borders_of_entries_is_the_same_bytes(zipped: Zipped) -> None:
    borders = [zipped.whole.find(b"PK\x03\x04", at) for at in (0, 9_000_000, 9_000_050)]
    central = zipped.whole.rfind(b"PK\x01\x02")
    for middle in [*borders, central, len(zipped.whole) - 50]:
        start, stop = max(middle - 400, 0), min(middle + 400, len(zipped.whole))
        answer = zipped.ola.get(zipped.path, headers={"Range": f"bytes={start}-{stop - 1}"})
        assert (answer.status_code, answer.content) == (206, zipped.whole[start:stop])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(zipped.whole)}"


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("had", [1, 30, 5_000_000, 9_000_046, 9_000_100, 10_500_200])
def test_a_resumed_download_equals_an_uninterrupted_one(
    deployment: Deployment, zipped: Zipped, tmp_path: Path, had: int
) -> None:
    target = tmp_path / "alt.zip"
    target.write_bytes(zipped.whole[:had])
    cookie = "; ".join(f"{name}={value}" for name, value in zipped.ola.cookies.items())
    command = ["curl", "-sS", "--fail", "-C", "-", "-b", cookie, "-o", str(target), deployment.url + zipped.path]
    subprocess.run(command, check=True, timeout=60)
    assert target.read_bytes() == zipped.whole


def test_bytes_and_etags_are_the_same_after_a_restart(tmp_path: Path) -> None:
    with Deployment(tmp_path) as running:
        share_id = running.share([OLA_NUMBER], {"a.pdf": os.urandom(500_000), "b.pdf": b"b"})
        paths = [*running.document_paths(share_id), f"/d/{share_id}/alt.zip"]
        before = [running.session(OLA).get(path) for path in paths]
        running.kill()
        running.restart()
        after = [running.session(OLA).get(path) for path in paths]
    assert [(a.headers["etag"], a.content) for a in before] == [(a.headers["etag"], a.content) for a in after]
