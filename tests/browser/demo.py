"""The demo as a newcomer starts it: one command on a free port, everything it keeps in one folder.

On the other stack it is the same demo, with what it keeps in the run's servers.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Self

from deldokument.adapters.clock import ShiftedClock
from deldokument.bootstrap.keys import open_keyring
from deldokument.cli.demo.sender import ACCOUNT
from deldokument.client import Client, To
from deldokument.config.settings import Settings, load_settings
from deldokument.domain.errors import existing
from deldokument.services.encryption import CachedDeploymentKeys
from deldokument.store.database import Database
from deldokument.store.engine.integrity import DamageReports
from tests.support.deployment.stack import stack
from tests.support.stage.recorded_changes import recording

_START_SECONDS = 240
_RUNS = re.compile(r"Started server process")
_ON_SERVERS = """
import json, sys
from pathlib import Path
from deldokument.bootstrap.logs import configure_logging
from deldokument.cli.demo.demo import run_demo
configure_logging()
run_demo(0, Path(sys.argv[1]), json.loads(sys.argv[2]))
"""
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


class Demo:
    """`deldokument demo --port 0` until the block is left. ``url`` is where it said that it runs."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self.log: list[str] = []
        self._stores: dict[str, str] = {}
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self._stores = stack().settings(self.data.parent)
        words = ["-m", "deldokument.cli.main", "demo", "--port", "0", "--data", str(self.data)]
        if self._stores:
            words = ["-c", _ON_SERVERS, str(self.data), json.dumps(self._stores)]
        self._process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
        )
        assert self._process.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout, lines), daemon=True)
        self._reader.start()
        try:
            while (line := lines.get(timeout=_START_SECONDS)) is not None and not _RUNS.search(line):
                if not self.url and (found := _URL.search(line)):
                    self.url = found.group()
        except queue.Empty:
            line = None
        if line is None:
            self._stop()
            raise AssertionError("the demo did not start:\n" + "".join(self.log))
        return self

    def _read(self, stream: IO[str], lines: queue.Queue[str | None]) -> None:
        """Read to the end, told by None: a pipe that nobody empties would stop the demo."""
        for line in stream:
            self.log.append(line)
            lines.put(line)
        lines.put(None)

    def __exit__(self, *_: object) -> None:
        self._stop()
        stack().give_back(self.database_url)

    def settings(self) -> Settings:
        """What names its keyring and root key."""
        given = {"demo": True, "allow_synthetic": True, "public_url": self.url, "data_dir": self.data}
        return load_settings(**given, operator_name="demo", **self._stores)

    @property
    def database_url(self) -> str:
        """Where its database is."""
        return self._stores.get("database_url", f"sqlite:///{self.data / 'deldokument.sqlite3'}")

    def let_work(self, work: bool) -> None:
        """Whether all processes of the demo work on, or stand still where they are."""
        os.killpg(self._process.pid, signal.SIGCONT if work else signal.SIGSTOP)

    def _stop(self) -> None:
        self.let_work(True)
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def move_clock(self, step: timedelta) -> None:
        """Move the demo's time as its own page does, but by any span; less than an hour at a time."""
        clock = ShiftedClock(self.data / "clock")
        clock.set_offset(clock.offset() + step)

    def now(self) -> datetime:
        """The demo's time."""
        return ShiftedClock(self.data / "clock").now()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The demo's own database."""
        keyring = open_keyring(self.settings())
        database = Database(self.database_url)
        try:
            yield database.authenticated(CachedDeploymentKeys(keyring), DamageReports())
        finally:
            database.close()
            keyring.close()

    def change_share(self, share_id: str, **changes: Any) -> None:
        """Write other values into a share's row, as time or the operator does."""
        with self.database() as database, recording(database) as tx:
            tx.shares.save(replace(existing(tx.shares.lock(share_id)), **changes))

    def share(self, files: Path | list[Path], *numbers: str, title: str = "", days: int = 14) -> str:
        """The path of the link to a share of «Byggesak», made by the demo's fagsystem. Awaits no document."""
        configuration = {"DELDOKUMENT_CLIENT_CONFIG": str(self.data / "registers" / "client.toml")}
        with Client.from_environment(configuration) as client:
            share = client.share(
                [files] if isinstance(files, Path) else files,
                account=ACCOUNT,
                to=[To(number) for number in numbers],
                until=self.now() + timedelta(days=days),
                title=title,
                archived=True,
            )
        return f"/d/{share.id}"
