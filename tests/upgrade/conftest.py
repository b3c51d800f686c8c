"""A deployment of the version before, as it was left: its wheel, its schema, its data, at the time that it was then."""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.server import Deployment

from deldokument.adapters.clock import ShiftedClock
from deldokument.adapters.sql.migrations import migrate
from deldokument.bootstrap import demo_clock_file, open_node
from deldokument.config import load_settings
from tests.support.postgres import PROGRAMS, empty_postgres_url, postgres_server  # noqa: F401

HERE = Path(__file__).resolve().parent
BEFORE = "0.1.0"


class OldDeployment(Deployment):
    """What ``keep_version.py`` kept, served by the old program until :meth:`become_new`.

    ``note`` tells what is in it. ``node`` is a world of the new program; there is none before :meth:`migrate`.
    """

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(folder, database_url)
        self.kept = HERE / BEFORE
        self.note: dict[str, str] = json.loads((self.kept / "note.json").read_text())
        self._old = True

    def _prepare(self) -> None:
        key_path = self.folder / "registers" / "client-key.json"
        key_path.write_text(json.dumps(self.registers.client_key))
        self.settings = load_settings(**self._given(key_path))
        with tarfile.open(self.kept / "deployment.tar.xz") as kept:
            kept.extractall(self.folder, filter="data")
        [wheel] = self.kept.glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(self.folder / "old")
        line = [
            PROGRAMS / "psql",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            self.folder / "dump.sql",
            str(self._database_url),
        ]
        subprocess.run(line, check=True, capture_output=True)
        then = datetime.fromisoformat(self.note["kept_at"]) + timedelta(minutes=1)
        ShiftedClock(demo_clock_file(self.settings)).set_offset(then - datetime.now(UTC))

    def environment(self) -> dict[str, str]:
        """The old program is found first, as long as it is to run."""
        found = super().environment()
        return found | ({"PYTHONPATH": str(self.folder / "old")} if self._old else {})

    def migrate(self) -> None:
        """What the operator does first, while the old program runs."""
        migrate(self.settings.database_url)
        self.node = open_node(self.settings)

    def become_new(self) -> None:
        """From now on what is started is the new program."""
        self._old = False


@pytest.fixture
def old(tmp_path: Path, empty_postgres_url: str) -> Iterator[OldDeployment]:  # noqa: F811
    """The version before serves and works."""
    with OldDeployment(tmp_path, empty_postgres_url) as running:
        yield running
