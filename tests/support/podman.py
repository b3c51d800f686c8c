"""Podman on the machines of the tests: without unified control groups, and with low limits."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Without these options nothing starts in a container there.
OPTIONS = "--runtime runc --storage-driver vfs"
BUILD_OPTIONS = "--isolation oci --ulimit nofile=20000:20000 --ulimit nproc=90000:90000"


@dataclass(frozen=True, slots=True)
class Podman:
    """Images and containers in a folder of their own. ``folder`` is where scripts run."""

    folder: Path

    def command(self) -> str:
        """Return the words that call it."""
        return f"podman {OPTIONS} --root {self.folder}/store --runroot {self.folder}/run"

    def environment(self) -> dict[str, str]:
        """Return what deploy/container/build reads."""
        return {"PODMAN": self.command(), "BUILD_OPTIONS": BUILD_OPTIONS, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}

    def run(self, script: str) -> str:
        """Run a script that calls podman; return what it prints. It must succeed."""
        whole = f'set -euo pipefail\npodman() {{ command {self.command()} "$@"; }}\n{script}'
        done = subprocess.run(["bash", "-c", whole], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """A store in a folder; its containers and volumes are removed at the end."""
    made = Podman(folder)
    yield made
    made.run("podman rm --all --force --time 0; podman volume rm --all --force; podman rmi --all --force")
