"""Other people's clients against the running server: tus-js-client under Node, and tuspy."""

import json
import os
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from tusclient.client import TusClient

from tests.support.deployment.deployment import BOTH_SOCKET_MODES, Deployment, Ticket
from tests.uploads.tus import Tus

pytestmark = BOTH_SOCKET_MODES
ROOT = Path(__file__).parents[2]
LENGTH = 30_000_000


def node() -> str:
    """Node from the wheel in this environment, or the machine's."""
    own = Path(sys.executable).parent / "node"
    found = str(own) if own.exists() else shutil.which("node")
    assert found, "no node: install the dependency group build"
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vedtak.pdf"
    path.write_bytes(os.urandom(LENGTH))
    return path


def tus_js(deployment: Deployment, ticket: Ticket, file: Path, what: str) -> dict[str, Any]:
    """What tus-js-client reports when it has done ``what``."""
    command = [node(), str(Path(__file__).with_name("client.mjs")), deployment.url, ticket.token, str(file), what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_tus_js_client_uploads(tus: Tus, file: Path) -> None:
    tus_js(tus.deployment, tus.announce(LENGTH), file, "whole")
    assert tus.received() == file.read_bytes()


def test_tus_js_client_pauses_and_resumes_where_it_was(tus: Tus, file: Path) -> None:
    said = tus_js(tus.deployment, tus.announce(LENGTH), file, "paused")
    assert said["resumedFrom"] > LENGTH / 3
    assert tus.received() == file.read_bytes()


def test_tus_js_client_terminates_and_nothing_is_left(tus: Tus, file: Path) -> None:
    ticket = tus.announce(LENGTH)
    said = tus_js(tus.deployment, ticket, file, "terminated")
    assert httpx.head(said["url"], headers=ticket.headers).status_code == 404
    assert tus.deployment.document_paths(tus.draft) == []


def test_tus_js_client_uploads_in_four_pieces_at_once(tus: Tus, file: Path) -> None:
    ticket = tus.announce(LENGTH)
    said = tus_js(tus.deployment, ticket, file, "parallel")
    headers = httpx.head(said["url"], headers=ticket.headers).headers
    assert headers["upload-concat"].count("/uploads/") == 4
    assert tus.received() == file.read_bytes()


def test_tus_js_client_pauses_four_pieces_and_resumes_each_where_it_was(tus: Tus, file: Path) -> None:
    said = tus_js(tus.deployment, tus.announce(LENGTH), file, "parallelAndResumed")
    [joining] = said["created"]
    assert joining.startswith("final;")
    assert tus.received() == file.read_bytes()


@pytest.mark.parametrize("checked", [False, True], ids=["plain", "checksum"])
def test_tuspy_uploads_in_chunks(tus: Tus, file: Path, checked: bool) -> None:
    ticket = tus.announce(LENGTH)
    client = TusClient(f"{tus.deployment.url}/uploads", headers={"Authorization": f"Bearer {ticket.token}"})
    client.uploader(file_stream=BytesIO(file.read_bytes()), chunk_size=7_000_001, upload_checksum=checked).upload()
    assert tus.received() == file.read_bytes()


def test_tuspy_resumes_where_it_was(tus: Tus, file: Path) -> None:
    ticket = tus.announce(LENGTH)
    client = TusClient(f"{tus.deployment.url}/uploads", headers={"Authorization": f"Bearer {ticket.token}"})
    first = client.uploader(file_stream=BytesIO(file.read_bytes()), chunk_size=5_000_000)
    first.upload(stop_at=10_000_000)
    second = client.uploader(file_stream=BytesIO(file.read_bytes()), url=first.url, chunk_size=5_000_000)
    assert second.offset == first.offset >= 10_000_000
    second.upload()
    assert tus.received() == file.read_bytes()
