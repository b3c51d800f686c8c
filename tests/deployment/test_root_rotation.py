"""The root key is rotated while people upload and download: no request fails, and the old root key opens nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from deldokument.adapters.keys.files import create_root_key
from deldokument.bootstrap.keys import open_keyring
from deldokument.domain.errors import ServiceError
from deldokument.services.encryption import SHARE_PREFIX
from tests.support.deployment.deployment import OLA, OLA_NUMBER, Deployment
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.openbao import Place, create_place, openbao_settings
from tests.support.servers.ports import NO_TLS


@pytest.fixture(params=[pytest.param("files", marks=pytest.mark.embedded), "openbao"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place | None:
    """Where keyring and root key are in OpenBao; None when both are in files."""
    return create_place(request.getfixturevalue("openbao"), tmp_path) if request.param == "openbao" else None


def rotate(running: Deployment) -> str:
    """As the operator types it."""
    command = [sys.executable, "-m", "deldokument.cli.main", "keys", "rotate-root"]
    done = subprocess.run(command, env=running.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class People:
    """Ola downloads one document again and again; Kari uploads another, a piece at a time. Until it is over."""

    def __init__(self, running: Deployment, share_id: str, content: bytes) -> None:
        self.over = threading.Event()
        self.faults: list[BaseException] = []
        self.downloads = 0
        self._content = content
        [self._path] = running.document_paths(share_id)
        self._ola = running.session(OLA, fresh=True)
        self.draft_id = running.draft()
        running.add_recipients(self.draft_id, [OLA_NUMBER])
        self._ticket = running.announce(self.draft_id, "stor.bin", len(content))
        self._upload = running.url + running.create_upload(self._ticket)
        self._threads = [threading.Thread(target=self._guarded, args=(step,)) for step in (self._load, self._send)]

    def __enter__(self) -> People:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, step: Any) -> None:
        try:
            step()
        except BaseException as fault:
            self.faults.append(fault)

    def _load(self) -> None:
        while not self.over.is_set() or not self.downloads:
            assert self._ola.get(self._path).content == self._content
            self.downloads += 1
            # Without a pause it is this that the machine does, and not the rotation.
            self.over.wait(0.2)

    def _send(self) -> None:
        """The last pieces when it is over."""
        offset, size = 0, max(1, len(self._content) // 50)
        while offset < len(self._content):
            self.over.wait(0.02)
            step = self._content[offset : offset + size]
            headers = self._ticket.headers | {
                "Upload-Offset": str(offset),
                "Content-Type": "application/offset+octet-stream",
            }
            answer = httpx.patch(self._upload, headers=headers, content=step, timeout=120, **NO_TLS)
            assert answer.status_code == 204, answer.text
            offset += len(step)


def test_the_root_key_is_rotated_while_people_upload_and_download(place: Place | None) -> None:
    content, settings = os.urandom(2_000_000), openbao_settings(place) if place else {}
    with folder_in_memory() as folder, Deployment(folder, settings=settings) as running:
        old = b"" if place else running.settings.root_key_path.read_bytes()
        share_id = running.share([OLA_NUMBER], {"vedtak.bin": content})
        with People(running, share_id, content) as people:
            for version in (2, 3):
                if place is not None:
                    place.rotate()
                output = rotate(running)
                if place is not None:
                    place.trim(version)
                assert "re-encrypted" in output
        assert people.faults == []
        assert people.downloads > 0
        running.publish(people.draft_id, by_worker=True)
        [path] = running.document_paths(people.draft_id)
        assert running.session(OLA).get(path).content == content
        with closing(open_keyring(running.settings)) as keyring:
            assert len(keyring.ids(SHARE_PREFIX)) == 2
            assert keyring.roots.ids() == [keyring.root()]
        if place is None:
            assert running.settings.root_key_path.read_bytes() != old
            running.settings.root_key_path.write_bytes(old)
            with pytest.raises(ServiceError):
                open_keyring(running.settings)


def test_a_prepared_root_key_is_kept_beside_the_old_one(tmp_path: Path) -> None:
    create_root_key(tmp_path / "root.key")
    command = [sys.executable, "-m", "deldokument.cli.main", "keys", "rotate-root", "--prepare"]
    given = {"DATA_DIR": tmp_path, "DEMO": "true", "PUBLIC_URL": "http://127.0.0.1:1"}
    environment = os.environ | {f"DELDOKUMENT_{name}": str(value) for name, value in given.items()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "2 root keys" in done.stdout, done.stderr
    assert (tmp_path / "root.key.new").exists()
