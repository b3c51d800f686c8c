"""Hosts of the tests' own on this machine: network namespaces with addresses of their own, on one bridge.

    with Network() as network:
        node = network.host("n1")
        subprocess.Popen([*node.prefix, ...])
        node.cut_from(database)

Needs root. All names contain the id of this process; leftovers of a killed process are removed by the next one. A
host's programs end with the thread that started them, however that ends.
"""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

HOSTS = "198.18.0.0/15"
"""Set apart for measurements (RFC 2544): nothing real is hidden behind it."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_NAMESPACES = Path("/var/run/netns")
_OURS = re.compile(r"dd([0-9a-f]+)x\d+")
_CLONE_NEWNET = 0x40000000
_count = itertools.count()


def may_make_hosts() -> bool:
    """Whether this user may make network namespaces with rules of their own, and mount."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft", "tc", "unshare", "nginx"))):
        return False
    return subprocess.run(["unshare", "-n", "-m", "nft", "add", "table", "inet", "probe"], check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace: its address, and the bridge's end of its cable."""

    name: str
    namespace: str
    address: str
    cable: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before a command line to run it there."""
        return ("ip", "netns", "exec", self.namespace, "setpriv", "--pdeathsig", "KILL")

    def cut_from(self, other: Host) -> None:
        """Packets between the two are lost without a word, as behind a broken switch."""
        for field in ("saddr", "daddr"):
            self._nft("add", "rule", "inet", "faults", "lost", "ip", field, other.address, "drop")

    def refuse(self, other: Host) -> None:
        """Connections between the two are reset, as by a firewall."""
        self._nft("add", "rule", "inet", "faults", "lost", "ip", "daddr", other.address, "tcp", "flags", "!=", "rst",
                  "reject", "with", "tcp", "reset")  # fmt: skip

    def mend(self) -> None:
        """Every packet arrives again."""
        self._nft("flush", "chain", "inet", "faults", "lost")

    def unplug(self) -> None:
        """The cable is out."""
        _run("ip", "link", "set", self.cable, "down")

    def plug(self) -> None:
        """The cable is in again."""
        _run("ip", "link", "set", self.cable, "up")

    def slow(self, kilobits: int) -> None:
        """At most so much goes out of the host and into it, a second; what waits is late."""
        shape = ["root", "tbf", "rate", f"{kilobits}kbit", "burst", "16kb", "latency", "2s"]
        _run("ip", "netns", "exec", self.namespace, "tc", "qdisc", "replace", "dev", "eth0", *shape)
        _run("tc", "qdisc", "replace", "dev", self.cable, *shape)

    def hasten(self) -> None:
        """As quick as before."""
        _run("ip", "netns", "exec", self.namespace, "tc", "qdisc", "del", "dev", "eth0", "root")
        _run("tc", "qdisc", "del", "dev", self.cable, "root")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread makes meanwhile are the host's."""
        with _network_of(_NAMESPACES / self.namespace):
            yield

    def _nft(self, *words: str) -> None:
        _run("ip", "netns", "exec", self.namespace, "nft", *words)


class Network:
    """A bridge, and the hosts on it. This machine is the first of its addresses."""

    def __init__(self) -> None:
        self._name = f"dd{os.getpid():x}x{next(_count)}"
        self._hosts: dict[str, Host] = {}
        self.subnet = ""

    def __enter__(self) -> Self:
        with _one_at_a_time():
            for name in left_by_the_dead():
                _remove(name)
            self.subnet = _free_subnet()
            _run("ip", "link", "add", self._name, "type", "bridge")
            _run("ip", "address", "add", f"{self.subnet}.1/24", "dev", self._name)
            _run("ip", "link", "set", self._name, "up")
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        _remove(self._name)

    def names(self) -> list[str]:
        """What there is of it on this machine: bridge, cables, namespaces."""
        return [name for name in _names() if name.startswith(self._name)]

    def host(self, name: str) -> Host:
        """The host of that name, made when it is first asked for. At most four letters."""
        if name not in self._hosts:
            self._hosts[name] = self._create(name)
        return self._hosts[name]

    def _create(self, name: str) -> Host:
        host = Host(name, f"{self._name}-{name}", f"{self.subnet}.{len(self._hosts) + 11}", f"{self._name}{name}")
        inside = ("ip", "-n", host.namespace)
        _run("ip", "netns", "add", host.namespace)
        _run("ip", "link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        _run("ip", "link", "set", host.cable, "master", self._name, "up")
        _run(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            _run(*inside, "link", "set", device, "up")
        rules = ("ip", "netns", "exec", host.namespace, "nft")
        _run(*rules, "add", "table", "inet", "faults")
        _run(*rules, "add", "chain", "inet", "faults", "lost")
        for hook in ("input", "output"):
            _run(*rules, f"add chain inet faults {hook} {{ type filter hook {hook} priority 0; }}")
            _run(*rules, "add", "rule", "inet", "faults", hook, "jump", "lost")
        return host


@contextmanager
def _network_of(path: Path) -> Iterator[None]:
    """This thread is in another network; it comes back."""
    own = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set_network(there)
            yield
        finally:
            _set_network(own)
            os.close(there)
    finally:
        os.close(own)


def _set_network(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Among the processes of this machine that choose addresses."""
    with (Path(tempfile.gettempdir()) / "deldokument-hosts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_subnet() -> str:
    """Of HOSTS."""
    taken = _run("ip", "-o", "-4", "address")
    return next(
        subnet
        for second in (18, 19)
        for third in range(256)
        if f" {(subnet := f'198.{second}.{third}')}.1/" not in taken
    )


def left_by_the_dead() -> set[str]:
    """Networks of processes that are no more."""
    seen = {found.group(): found.group(1) for name in _names() if (found := _OURS.match(name))}
    return {name for name, process in seen.items() if not Path(f"/proc/{int(process, 16)}").exists()}


def _names() -> list[str]:
    bridges = [name for _, name in socket.if_nameindex()]
    return bridges + ([path.name for path in _NAMESPACES.iterdir()] if _NAMESPACES.exists() else [])


def _remove(name: str) -> None:
    """A bridge and the hosts on it; cables go with their hosts."""
    for host in _names():
        if host.startswith(f"{name}-"):
            _run("ip", "netns", "delete", host)
        elif host.startswith(name) and host != name:
            # The kernel takes a namespace apart when it comes to it; its cable would stand in the way of a new one.
            with suppress(AssertionError):
                _run("ip", "link", "delete", host)
    with suppress(AssertionError):
        _run("ip", "link", "delete", name)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
