"""A bare Debian machine with systemd as its first process: a root of its own, and namespaces in which it is alone.

    with booted(folder, bare(elsewhere)) as machine:
        machine.run("apt-get install --yes nginx-light")

It shares this machine's network, so it reaches the archives and the tests' servers reach it. It cannot change this
machine: devices, /sys, kernel settings. Made by root with mmdebstrap and unshare; Debian's
archives, and what this machine trusts, are this machine's.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.deployment.deployment import wait_until

SUITE = "trixie"
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_TRUSTED = ("/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf", "/etc/pip.conf")
_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")
_WITHIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
# Mounts of the machine are invisible outside; it sees only its own root.
_BOOT = """
set -euo pipefail
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -o bind,ro proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir dev/pts dev/shm outside
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
pivot_root . outside
umount -l outside
rmdir outside
# Or no unit sees its credentials: they are mounted once, and must spread into the units' own namespaces.
mount --make-rshared /
exec env -i container=test /lib/systemd/systemd --system --show-status=false
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A running one. ``root`` is where its files are seen from here, ``first`` the process that is its first."""

    root: Path
    first: int

    def run(self, script: str, seconds: float = 900) -> str:
        """What a script of root's writes, in /root; it must end well. What it exports is there for the next.

        There is no terminal: what asks is answered from what the script says.
        """
        memory = "/root/exported"
        whole = f"cd /root; if [[ -e {memory} ]]; then . {memory}; fi\n{script}\nexport -p > {memory}"
        words = ["bash", "-euo", "pipefail", "-c", whole]
        done = subprocess.run(
            [*self._enter(), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
            check=False, start_new_session=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def state(self) -> str:
        """How far systemd is: ``running``, or ``degraded`` when a unit has failed."""
        asked = [*self._enter(), "systemctl", "is-system-running"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    def _enter(self) -> list[str]:
        within = [f"{name}={value}" for name, value in _WITHIN.items()]
        return ["nsenter", f"--target={self.first}", *_NAMESPACES, "env", "-i", *within]


def bare(folder: Path) -> Path:
    """What a new machine's disk holds: Debian, and what this machine trusts."""
    if os.geteuid() != 0:
        pytest.fail("only root makes machines", pytrace=False)
    root = folder / "bare"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=important", "--include=ca-certificates", SUITE, str(root), str(_SOURCES)],
        check=True, stdin=subprocess.DEVNULL, timeout=900,
    )  # fmt: skip
    for path in filter(Path.exists, map(Path, _TRUSTED)):
        shutil.copy(path, root / path.relative_to("/"))
    return root


@contextmanager
def booted(folder: Path, disk: Path) -> Iterator[Machine]:
    """A new machine whose files are in ``folder``, a copy of ``disk``; it is off, and they are gone, at the end."""
    root = folder / "machine"
    folder.mkdir(exist_ok=True)
    subprocess.run(["cp", "--archive", "--reflink=auto", str(disk), str(root)], check=True)
    # The machine ends with this process: the first process of its namespace is killed, and all others with it.
    words = ["unshare", *_NAMESPACES, "--fork", "--kill-child=KILL", "bash", "-c", _BOOT, "boot", str(root)]
    with (folder / "console").open("w") as console, subprocess.Popen(words, stdout=console, stderr=console) as outer:
        try:
            machine = Machine(root, _child(outer.pid))
            wait_until(lambda: machine.state() in ("running", "degraded"), 60, "the machine did not start")
            yield machine
        finally:
            outer.kill()
    shutil.rmtree(root)


def _child(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if found := children.read_text().split():
            return int(found[0])
        time.sleep(0.05)
    raise AssertionError("nothing was started")
