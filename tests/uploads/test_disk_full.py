"""No room for more: 507, nothing acknowledged is lost, the server goes on, and the upload too when there is room."""

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from deldokument.adapters.blobs.directory import DirectoryBlobStore
from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import open_manifest
from deldokument.services.downloads.part_reader import STEP, read_parts
from deldokument.services.encryption import existing_key, share_key_id
from tests.support.deployment.deployment import BOTH_SOCKET_MODES, Deployment
from tests.uploads.tus import Tus, Uploading, checksum, digest

pytestmark = pytest.mark.embedded
"""A bucket that is full is among the store's contracts."""


@contextmanager
def files_end_at(process: int, length: int) -> Iterator[None]:
    """No file of the process grows beyond ``length``: to it, the disk is full."""
    before = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, before)


def blobs_of(deployment: Deployment) -> set[str]:
    return {path.name for path in deployment.settings.blobs_dir.rglob("*") if path.is_file()}


@BOTH_SOCKET_MODES
@pytest.mark.parametrize("checked", [False, True], ids=["plain", "checksum"])
def test_a_full_disk_gives_507_and_the_upload_resumes_when_there_is_space(tus: Tus, checked: bool) -> None:
    content = os.urandom(24_000_000)
    upload = tus.create(len(content))
    assert upload.patch(0, content[:1_000_000]).status_code == 204
    before = blobs_of(tus.deployment)
    promised = {"Upload_Checksum": checksum(content[1_000_000:])} if checked else {}
    with files_end_at(tus.deployment.server.pid, 6_000_000):
        answer = upload.patch(1_000_000, content[1_000_000:], **promised)
        assert answer.status_code == 507
        assert "safe" in answer.text
        assert upload.offset() == 1_000_000
        assert httpx.get(f"{tus.deployment.url}/robots.txt").status_code == 200
        small = tus.create(1000, "liten.pdf")
        assert small.patch(0, b"x" * 1000).status_code == 204
        httpx.delete(small.url, headers=small.ticket.headers)
    assert {name for name in blobs_of(tus.deployment) - before if name.endswith(".part")} == set()
    assert upload.patch(1_000_000, content[1_000_000:], **promised).status_code == 204
    assert digest(tus.received()) == digest(content)


def may_mount() -> bool:
    unshare = shutil.which("unshare")
    return bool(unshare) and os.geteuid() == 0 and subprocess.run([str(unshare), "-m", "true"]).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="mounting a small disk takes root; the limit on file sizes covers the rest")
def test_a_disk_that_really_fills_up_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    blobs = tmp_path / "data" / "blobs"
    mount = f'mount -t tmpfs -o size=24m tmpfs "{blobs}" && cp "{tmp_path}/id" "{blobs}/deployment-id" && exec "$@"'
    wrapper = ["unshare", "-m", "sh", "-c", f'cp "{blobs}/deployment-id" "{tmp_path}/id" && {mount}', "sh"]
    with Deployment(tmp_path, wrapper=wrapper, worker=False) as running:
        tus = Tus(running, running.draft())
        content = os.urandom(40_000_000)
        upload = tus.create(len(content))
        assert upload.patch(0, content).status_code == 507
        kept = upload.offset()
        assert 8_000_000 < kept < 24_000_000
        assert upload.patch(kept, content[kept:]).status_code == 507
        assert upload.offset() >= kept
        enlarge(running, blobs)
        kept = upload.offset()
        assert upload.patch(kept, content[kept:]).status_code == 204
        assert stored_plaintext(upload) == digest(content)


def enlarge(running: Deployment, blobs: Path) -> None:
    enter = ["nsenter", "-t", str(running.server.pid), "-m"]
    subprocess.run([*enter, "mount", "-o", "remount,size=100m", str(blobs)], check=True)


def stored_plaintext(upload: Uploading) -> str:
    """The digest of what was stored, read back through the server's own mount: there is no worker here to inspect."""
    running = upload.deployment
    blobs = Path(f"/proc/{running.server.pid}/root") / running.settings.blobs_dir.relative_to("/")
    deps = replace(running.node.deps, blobs=DirectoryBlobStore(blobs))
    with deps.database.read() as tx:
        document = tx.shares.document(upload.ticket.document_id)
    assert document is not None
    share_key, document_id = existing_key(deps.keyring, share_key_id(document.share_id)), bytes.fromhex(document.id)
    manifest = open_manifest(share_key, document_id, document.sealed_manifest)
    data_key = derive(share_key, Purpose.DATA, document_id)
    parts = read_parts(deps, manifest, data_key, 0, manifest.length, STEP)
    return digest(b"".join(bytes(buffer) for _, buffer in parts))
