"""A deployment that is upgraded while it runs: this version, then builds of it with further migrations."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.deployment.deployment import KARI, OLA, Deployment
from tests.support.deployment.stack import stack_name
from tests.support.servers.postgres import empty_postgres_url, postgres_server  # noqa: F401


class UpgradedDeployment(Deployment):
    """Starts its processes from ``program``, a folder of packages; None for this version.

    ``node`` is of this version, the oldest, as long as the deployment lives.
    """

    program: Path | None = None

    def environment(self) -> dict[str, str]:
        """With the packages of the program first."""
        return super().environment() | ({"PYTHONPATH": str(self.program)} if self.program else {})

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program to its end."""
        line = [sys.executable, "-m", "deldokument.cli.main", *words]
        return subprocess.run(line, env=self.environment(), capture_output=True, text=True, timeout=120, check=False)

    def migrate(self, program: Path) -> None:
        """Migrate, the first step of an upgrade. New processes run ``program``, running ones go on."""
        self.program = program
        done = self.command("migrate")
        assert done.returncode == 0, done.stderr

    @contextmanager
    def worker_beside(self) -> Iterator[None]:
        """A worker of the program, beside the one that runs."""
        worker = self._start("worker", (), {})
        try:
            yield
        finally:
            worker.terminate()
            worker.wait()


class Traffic:
    """Requests of a sharer and a recipient without a pause, at the deployment's own node."""

    def __init__(self, running: Deployment, document: str) -> None:
        ola, kari = running.session(OLA, fresh=True), running.session(KARI, fresh=True)
        self._asked: list[Callable[[], httpx.Response]] = [
            lambda: ola.get(document),
            lambda: ola.get("/mine"),
            lambda: kari.get("/delinger"),
            lambda: kari.get("/del"),
        ]
        self.failed: list[str] = []
        self.answered = 0

    def once(self) -> None:
        """Ask for each once."""
        for ask in self._asked:
            try:
                answer = ask()
            except httpx.TransportError as error:
                self.failed.append(repr(error))
                continue
            if answer.status_code == 200:
                self.answered += 1
            else:
                self.failed.append(f"{answer.status_code} {answer.url.path}")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Until the end of the block."""
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                self.once()

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@pytest.fixture
def running(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[UpgradedDeployment]:
    """This version serves and works. Its database is its own: no other test may have one of a later schema."""
    url = request.getfixturevalue("empty_postgres_url") if stack_name() == "cluster" else None
    with UpgradedDeployment(tmp_path / "deployment", url, delivered=True) as deployment:
        yield deployment
