"""Podman on the machines of the tests: without unified control groups, and with low limits."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Without these options no container can start there.
OPTIONS = "--runtime runc --storage-driver overlay"
BUILD_OPTIONS = "--isolation oci --ulimit nofile=20000:20000 --ulimit nproc=90000:90000"

# The command on the PATH may be another one, without these options.
_COMPOSE = 'podman-compose() { command podman-compose --podman-path "$PWD/podman" "$@"; }\n'


@dataclass(frozen=True, slots=True)
class Podman:
    """Images and containers in a folder of their own. ``folder`` is where scripts run."""

    folder: Path

    def command(self) -> str:
        """Return the words that call it."""
        return f"podman {OPTIONS} --root {self.folder}/store --runroot {self.folder}/run"

    def environment(self) -> dict[str, str]:
        """Return what the scripts of deploy/ read. Without systemd, nothing can run health checks regularly."""
        return {
            "PODMAN": self.command(),
            "BUILD_OPTIONS": BUILD_OPTIONS,
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
            "DISABLE_HC_SYSTEMD": "true",
        }

    def run(self, script: str) -> str:
        """Run a script that calls podman or podman-compose; return what it prints. It must succeed."""
        program = self.folder / "podman"
        program.write_text(f'#!/bin/sh\nexec /usr/bin/{self.command()} "$@"\n')
        program.chmod(0o755)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", _COMPOSE + script],
            cwd=self.folder,
            env=os.environ | self.environment() | {"PATH": f"{self.folder}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """A store in a folder; its containers and volumes are removed at the end."""
    new = Podman(folder)
    yield new
    new.run("podman rm --all --force --time 0; podman volume rm --all --force; podman rmi --all --force")
