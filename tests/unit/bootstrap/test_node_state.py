"""Free space is that of each disk that the deployment writes to."""

from __future__ import annotations

import shutil
from pathlib import Path

from deldokument.bootstrap.node_state import free_bytes, places
from deldokument.cli.doctor import SPACE
from deldokument.config.settings import Settings, load_settings
from tests.support.environments import BUCKET, DEMO, OPENBAO, VERIFIED, WHOLE

DEVICES, PROCESSES = Path("/dev"), Path("/proc")
"""File systems of their own on each Linux. Nothing is written there."""


def settings(environment: dict[str, str], **other: object) -> Settings:
    return load_settings(**{name.lower(): value for name, value in environment.items()} | other)


def test_each_disk_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    assert places(settings(DEMO, data_dir=tmp_path)) == {"blobs": tmp_path / "blobs"}
    on_others = settings(
        DEMO,
        data_dir=tmp_path,
        database_url=f"sqlite:///{PROCESSES / 'x.sqlite3'}",
        keyring_path=DEVICES / "x.sqlite3",
    )
    found = places(on_others)
    assert found == {"blobs": tmp_path / "blobs", "data": PROCESSES, "keyring": DEVICES}
    measured = free_bytes(on_others)
    assert measured.keys() == found.keys() <= SPACE.keys()
    assert (measured["data"], measured["keyring"]) == tuple(shutil.disk_usage(one).free for one in (PROCESSES, DEVICES))


def test_a_folder_that_is_missing_is_examined_and_not_measured(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    given = settings(DEMO, data_dir=tmp_path, keyring_path=tmp_path / "not mounted" / "keyring.sqlite3")
    assert places(given).keys() == {"blobs", "keyring"}
    assert free_bytes(given).keys() == {"blobs"}


def test_a_node_without_files_needs_space_for_temporary_ones() -> None:
    stores = {"database_url": f"postgresql://a:b@db.example/a?{VERIFIED}", "keyring": "openbao", "root_key": "transit"}
    found = places(settings(WHOLE | BUCKET | OPENBAO, **stores))
    assert found.keys() == {"tmpdir"} <= SPACE.keys()
