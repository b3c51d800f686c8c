"""The product on many hosts with addresses of their own: nginx, three nodes, two workers, PostgreSQL and SeaweedFS.

    with Cluster(folder) as cluster:
        cluster.nodes[0].kill()

It is a `Deployment` whose people go through nginx, with real settings: no demo, the database's clock.
``node`` is the tests' own world on the same database, keyring and store.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import httpx

from deldokument.adapters.keys.postgres import prepare
from deldokument.web.management import READY
from tests.chaos.network.gates import Door, Gates
from tests.chaos.network.hosts import Host, Network
from tests.chaos.programs import Bao, Disk, Nginx, Postgres, Program, Weed, wait_until
from tests.support.deployment.deployment import Deployment
from tests.support.servers.openbao import openbao_settings
from tests.support.servers.ports import NO_TLS, free_ports
from tests.support.servers.seaweedfs import s3_settings

NODES, WORKERS = 3, 2


def setting(name: str, value: timedelta) -> str:
    """Return a statement that sets a constant of the program, "module.NAME"; it fails if there is none."""
    module, _, constant = name.rpartition(".")
    return f"import datetime, {module} as changed; changed.{constant}; changed.{constant} = {value!r}"


HASTE = setting("deldokument.services.inspection.documents.CLAIM", timedelta(seconds=5))
"""A worker that died holds back the documents that it read for a minute as it is delivered; here, for so long."""
PORT = 8000
METRICS_TOKEN = "a-token-of-the-tests"
_NO_ANSWER_SECONDS = 30.0
_DISK_MEGABYTES = {"db": 400, "keys": 100, "s3": 4000, "blob": 4000}


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a cluster keeps what the database does not hold. With OpenBao the root key is there too, in its Transit."""

    blobs: Literal["bucket", "directory"] = "bucket"
    keys: Literal["postgresql", "openbao"] = "postgresql"


USUAL = Kept()


@dataclass
class Member:
    """A node or a worker of the cluster, on its host."""

    host: Host
    program: Program

    def kill(self) -> None:
        """kill -9."""
        self.program.kill()

    def start(self, **environment: str) -> None:
        """Begin; see `Cluster.wait_until_ready`."""
        self.program.start(**environment)

    @property
    def url(self) -> str:
        """Where a node answers without nginx."""
        return f"http://{self.host.address}:{PORT}"

    @property
    def management(self) -> str:
        """Where it says how it is."""
        return Deployment.management(self.url)


class Cluster(Deployment):
    """All of it, started on entry, gone on exit."""

    def __init__(self, folder: Path, kept: Kept = USUAL) -> None:
        super().__init__(folder, worker=False)
        self._kept = kept
        self._by_cable: dict[int, tuple[str, int]] = {}
        self._opened = ExitStack()
        self.network: Network
        self.postgres: Postgres
        self.keys: Postgres | Bao
        self.store: Weed
        self.blob_disk: Disk | None = None
        self.nodes: list[Member] = []
        self.workers: list[Member] = []

    def __enter__(self) -> Self:
        with self._opened:
            self.folder.mkdir(exist_ok=True)
            self.folder.chmod(0o755)
            self.network = self._opened.enter_context(Network())
            self.postgres = self._postgres("db")
            self._database_url = self.postgres.url
            keys = self._in_openbao() if self._kept.keys == "openbao" else self._in_a_database()
            blobs = self._in_a_bucket() if self._kept.blobs == "bucket" else self._in_a_directory()
            self._further = {"demo": None, "metrics_token": METRICS_TOKEN} | keys | blobs
            super().__enter__()
            self._opened.push(super().__exit__)
            self._opened = self._opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    def _postgres(self, name: str) -> Postgres:
        server = Postgres(self.network.host(name), self.folder, self._disk(name))
        self._opened.callback(server.program.kill)
        server.start()
        server.create()
        return server

    def _in_a_database(self) -> dict[str, Any]:
        self.keys = self._postgres("keys")
        prepare(self.keys.url)
        return {"keyring": "postgresql", "keyring_database_url": self.keys.url}

    def _in_openbao(self) -> dict[str, Any]:
        self.keys = Bao(self.network.host("keys"), self.folder, self._disk("keys"))
        self._opened.callback(self.keys.program.kill)
        place = self.keys.create(self.folder)
        return openbao_settings(place) | {"openbao_url": self._door_to(self.keys.address)}

    def _in_a_bucket(self) -> dict[str, Any]:
        self.store = Weed(self.network.host("s3"), self.folder, self._disk("s3"))
        self._opened.callback(self.store.program.kill)
        self.store.start()
        return s3_settings(replace(self.store.place, endpoint=self._door_to(self.store.address)))

    def _in_a_directory(self) -> dict[str, Any]:
        self.blob_disk = self._disk("blob")
        return {"blobs_dir": self.blob_disk.path / "blobs"}

    def _door_to(self, address: tuple[str, int]) -> str:
        """Where that is found on every host's loopback: nothing else may be spoken to without TLS."""
        [port] = free_ports(1)
        self._by_cable[port] = address
        self._opened.enter_context(Gates([Door(None, port, address)]))
        return f"http://127.0.0.1:{port}"

    @property
    def has_free_space(self) -> bool:
        """Whether the documents of another fault fit; SeaweedFS takes its time to give room back."""
        return self.blob_disk is not None or not self.store.disk.is_half_full

    def _disk(self, name: str) -> Disk:
        disk = Disk(self.folder / f"disk-{name}", _DISK_MEGABYTES[name])
        self._opened.callback(disk.close)
        return disk

    def restart(self, constants: Any = None) -> None:
        """Begin everything that is the product; called once, when the database is ready."""
        assert constants is None
        self.nodes = [self._member(f"n{number + 1}", "serve") for number in range(NODES)]
        self.workers = [self._member(f"w{number + 1}", "worker") for number in range(WORKERS)]
        members = [*self.nodes, *self.workers]
        self._opened.enter_context(Gates(door for member in members for door in self._doors(member.host)))
        for member in members:
            self._opened.callback(member.kill)
            member.start()
        nginx = Nginx(self.port, self.folder / "nginx", [f"{node.host.address}:{PORT}" for node in self.nodes])
        self._opened.enter_context(nginx)
        self.server = nginx.program.process  # type: ignore[assignment]
        self.wait_until_ready()

    def _member(self, name: str, command: str) -> Member:
        host = self.network.host(name)
        listeners = {"HOST": host.address, "PORT": PORT, "MANAGEMENT_HOST": host.address}
        environment = self.environment() | {f"DELDOKUMENT_{name}": str(value) for name, value in listeners.items()}
        run = f"{HASTE}; import runpy, sys; sys.argv = ['deldokument', {command!r}]; "
        run += "runpy.run_module('deldokument.cli.main', run_name='__main__')"
        program = Program(name, host.prefix, [sys.executable, "-c", run], self.folder / f"{name}.log", environment)
        return Member(host, program)

    def _doors(self, host: Host) -> Iterator[Door]:
        """What a node or a worker looks for on its own loopback."""
        for port in self._register_ports():
            yield Door(host, port, ("127.0.0.1", port))
        for port, address in self._by_cable.items():
            yield Door(host, port, address, by_own_cable=True)

    def _register_ports(self) -> set[int]:
        registers = self.registers
        urls = (registers.idporten, registers.maskinporten, registers.altinn, registers.notifications)
        return {port for url in (*urls, registers.enhetsregisteret) if (port := urlsplit(url).port)}

    def wait_until_ready(self) -> None:
        """Every node says that it may be given work, and the workers live."""
        for node in self.nodes:
            wait_until(lambda node=node: self.is_ready(node), f"{node.program.name} is not ready")  # type: ignore[misc]
        assert not [worker.program.name for worker in self.workers if worker.program.ended()], self.log_text()

    def is_ready(self, node: Member) -> bool:
        """Whether a node says so."""
        assert not node.program.ended(), self.log_text()
        return self.health(node, READY) == 200

    def health(self, node: Member, path: str) -> int:
        """What a node's management listener answers; 0 when it does not."""
        return _status(f"{node.management}{path}")

    def asked(self, node: Member, path: str, cookies: Mapping[str, str] | None = None) -> int:
        """What a node answers without nginx; 0 when it does not."""
        words = {"Cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())} if cookies else {}
        return _status(f"{node.url}{path}", words)

    def is_halted(self) -> bool:
        """Whether destruction waits for an operator to look at the clock."""
        with self.node.deps.database.read() as tx:
            return tx.deployment.get().halted_at is not None

    def age_files(self, by: timedelta) -> None:
        """Blobs in a directory are so much older; a bucket's own clock can't be moved."""
        long_ago = time.time() - by.total_seconds()
        for file in self.blob_disk.path.rglob("blobs/*/*") if self.blob_disk else ():
            os.utime(file, (long_ago, long_ago))

    def log_text(self) -> str:
        """All that the product's processes have logged."""
        return "\n".join(f"--- {log.name}\n{log.read_text()}" for log in sorted(self.folder.glob("[nw][0-9].log")))


def _status(url: str, headers: Mapping[str, str] | None = None) -> int:
    try:
        return httpx.get(url, headers=headers, timeout=_NO_ANSWER_SECONDS, **NO_TLS).status_code
    except httpx.TransportError:
        return 0
