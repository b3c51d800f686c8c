"""A deployment of an earlier version, as it was kept: its wheel, its schema, its data, at the time that it was then.

Its database is the run's stack's; blobs and keyring are files, because 0.1.0 knows nothing else. The new program moves
the blobs to the run's stack; a keyring cannot be moved.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import text

from deldokument.adapters.clock import ShiftedClock
from deldokument.adapters.sql.engines import open_engines
from deldokument.bootstrap.runtime import build_runtime, demo_clock_file, prepare
from deldokument.config.settings import load_settings
from tests.support.postgres import PROGRAMS, empty_postgres_url, postgres_server  # noqa: F401
from tests.support.server import Deployment, wait_until
from tests.support.stack import stack, stack_name
from tests.upgrade.dumps import load_into_sqlite

HERE = Path(__file__).resolve().parent
VERSIONS = (pytest.param("0.1.0", marks=pytest.mark.large), "0.2.0")
"""The kept versions, from each of which this one is an upgrade. `make test` tries the last one."""
_START_SECONDS = 90.0


class OldDeployment(Deployment):
    """What ``keep_version.py`` kept, served by the old program until :meth:`become_new`.

    ``note`` tells what is in it. ``node`` is a world of the new program; there is none before :meth:`migrate`.
    """

    def __init__(self, folder: Path, database_url: str | None, version: str) -> None:
        super().__init__(folder, database_url, delivered=True)
        self.version = version
        self.kept = HERE / version
        self.note: dict[str, str] = json.loads((self.kept / "note.json").read_text())
        self._then = datetime.fromisoformat(self.note["kept_at"]) + timedelta(minutes=1)
        self._old = True

    def __enter__(self) -> Self:
        super().__enter__()
        # Once the schema is the new one's, no process of the old program starts any more.
        wait_until(self._works, _START_SECONDS, "the old worker did not start")
        return self

    def _works(self) -> bool:
        engines = open_engines(self.settings.database_url)
        try:
            with engines.read() as connection:
                last = connection.execute(text("SELECT heartbeat_at FROM deployment")).scalar_one()
        finally:
            engines.close()
        return last is not None and last > self._then.timestamp() * 1_000_000

    def _stores(self) -> dict[str, str]:
        return {}

    def _prepare(self) -> None:
        key_path = self.folder / "registers" / "client-key.json"
        key_path.write_text(json.dumps(self.registers.client_key))
        self.settings = load_settings(**self._given(key_path))
        with tarfile.open(self.kept / "deployment.tar.xz") as kept:
            kept.extractall(self.folder, filter="data")
        [wheel] = self.kept.glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(self.folder / "old")
        if self._database_url is None:
            load_into_sqlite(self.folder / "dump.sql", self.data / "deldokument.sqlite3")
        else:
            line = [PROGRAMS / "psql", "-qv", "ON_ERROR_STOP=1", "-f", self.folder / "dump.sql", self._database_url]
            subprocess.run(line, check=True, capture_output=True)
        ShiftedClock(demo_clock_file(self.settings)).set_offset(self._then - datetime.now(UTC))

    def _health(self, url: str) -> str:
        """0.1.0 has no management listener: its public one answers."""
        return url if self._old and self.version == "0.1.0" else super()._health(url)

    def environment(self) -> dict[str, str]:
        """The old program is found first, as long as it is to run."""
        found = super().environment()
        return found | ({"PYTHONPATH": str(self.folder / "old")} if self._old else {})

    def migrate(self) -> None:
        """What the operator does first, while the old program runs."""
        prepare(self.settings)
        self.node = build_runtime(self.settings, holds_seal=True)

    def _close_node(self) -> None:
        # There is none if it was never migrated.
        if "node" in vars(self):
            super()._close_node()

    def become_new(self) -> None:
        """From now on what is started is the new program."""
        self._old = False

    @contextmanager
    def new_worker(self) -> Iterator[int]:
        """A worker of the new program, beside the old one; its process id."""
        worker = self._start("worker", (), {})
        try:
            yield worker.pid
        finally:
            worker.terminate()
            worker.wait()

    def move_blobs(self) -> None:
        """To where the run's stack has them, while nothing runs."""
        self.stop_worker()
        self.kill()
        self.node.close()
        self._further |= stack().moved_blobs(self.settings.blobs_dir)
        self.settings = load_settings(**self._given(self.folder / "registers" / "client-key.json"))
        self.node = build_runtime(self.settings, holds_seal=True)
        self.restart()


@pytest.fixture(params=VERSIONS)
def old(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OldDeployment]:
    """The earlier version serves and works."""
    url = request.getfixturevalue("empty_postgres_url") if stack_name() == "cluster" else None
    with OldDeployment(tmp_path, url, request.param) as running:
        yield running
