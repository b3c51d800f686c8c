"""The programs around the product: a disk to fill, and PostgreSQL, SeaweedFS, OpenBao and nginx to kill.

All of them end with the thread that started them. Data lies on a disk in a mount namespace of its own, which ends with
the last process in it. So nothing stays mounted, even if the tests are killed.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import hvac
import obstore
import psycopg
from obstore.exceptions import BaseError

from deldokument.adapters.blobs.s3 import S3Place
from tests.chaos.network.hosts import Host
from tests.support.servers.nginx import CONFIGURATION
from tests.support.servers.openbao import PROGRAM as BAO
from tests.support.servers.openbao import Place, Server, create_place
from tests.support.servers.ports import NO_TLS, free_ports
from tests.support.servers.postgres import PROGRAMS, unprivileged
from tests.support.servers.seaweedfs import ACCESS_KEY, BUCKET, SECRET_KEY, change_bucket, client_of, write_identities
from tests.support.servers.seaweedfs import PROGRAM as WEED

PATIENCE = 180.0
_PARTS, _GRPC = ("s3", "master", "volume", "filer", "admin"), 10_000
_DISK = 'mount -t tmpfs -o size="$1"m,mode=755 tmpfs "$2" && echo mounted && exec sleep infinity'
_PASSWORD = "a-password-of-the-tests"
_POSTGRES = {
    "listen_addresses": "*",
    # A killed server loses nothing that it has written; only what a power cut would need is left out.
    "fsync": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "ssl": "on",
    "max_wal_size": "96MB",
    "min_wal_size": "32MB",
}


@dataclass
class Program:
    """A process of a host: started, killed, started again. ``prefix`` is what brings the command there."""

    name: str
    prefix: Sequence[str]
    command: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, **environment: str) -> None:
        """Begin; nobody waits until it answers. ``environment`` is the command's own, this once."""
        assert self.process is None, f"{self.name} runs"
        own = [f"{name}={value}" for name, value in environment.items()]
        command = [*self.prefix, "env", *own, *map(str, self.command)]
        given = os.environ | dict(self.environment)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=given, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )

    def kill(self) -> None:
        """SIGKILL, its children too: there is no time for anything."""
        if self.process is None:
            return
        family = [self.process.pid, *children(self.process.pid)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
        wait_until(lambda: not any(is_alive(pid) for pid in family), f"{self.name} did not die")

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self.process is not None and self.process.poll() is not None


class Disk:
    """A folder with so much room and no more."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "-m", "sh", "-c", _DISK, "sh", str(megabytes), folder]
        self.folder = folder
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"mounted\n"

    @property
    def path(self) -> Path:
        """The folder as every process of root sees it."""
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before a command line whose process is to have the disk at the folder's own path."""
        return ("nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt")

    @property
    def is_half_full(self) -> bool:
        """Whether less is free than is taken."""
        usage = os.statvfs(self.path)
        return 2 * usage.f_bavail < usage.f_blocks

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), (self.path / "ballast").open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(65536))

    def free_space(self) -> None:
        """Take away what filled it."""
        (self.path / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it; it is gone with the last process that uses it."""
        self._holder.kill()
        self._holder.communicate()


class Postgres:
    """A cluster on a host and a disk of its own, with one database, which is reached by verified TLS alone."""

    def __init__(self, host: Host, folder: Path, disk: Disk) -> None:
        self.host, self.disk = host, disk
        self._certificate = folder / f"{host.name}.pem"
        self.url = self._url("deldokument")
        user = unprivileged()
        lowered = (
            "setpriv",
            f"--reuid={user.pw_uid}",
            f"--regid={user.pw_gid}",
            "--clear-groups",
            "--pdeathsig",
            "KILL",
        )
        as_user = (*disk.prefix, *lowered)
        os.chown(disk.path, user.pw_uid, user.pw_gid)
        data = disk.folder / "data"
        (disk.path / "password").write_text(_PASSWORD)
        initdb = ["-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
        initdb += [f"--pwfile={disk.folder / 'password'}", "--encoding=UTF8", "--no-sync", "--locale-provider=icu"]
        initdb += ["--icu-locale=nb-NO", "--locale=C.UTF-8", "--wal-segsize=4"]
        subprocess.run([*as_user, PROGRAMS / "initdb", "-D", data, *initdb], check=True, capture_output=True, cwd="/")
        with (disk.path / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"hostssl all all {host.address.rpartition('.')[0]}.0/24 scram-sha-256\n")
        self._write_certificate(user.pw_uid)
        options = [f"--{name}={value}" for name, value in _POSTGRES.items()]
        options.append(f"--unix_socket_directories={disk.folder}")
        self.program = Program(
            "PostgreSQL",
            (*host.prefix, *as_user),
            [PROGRAMS / "postgres", "-D", data, *options],
            folder / f"postgres-{host.name}.log",
        )

    def start(self, **environment: str) -> None:
        """Begin, and wait until it answers."""
        self.program.start(**environment)
        wait_until(self.answers, "PostgreSQL does not answer")

    def create(self) -> None:
        """The product's database."""
        with psycopg.connect(self._maintenance, autocommit=True) as connection:
            connection.execute("CREATE DATABASE deldokument")

    def answers(self) -> bool:
        """Whether it takes queries."""
        try:
            with psycopg.connect(self._maintenance, connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    @property
    def _maintenance(self) -> str:
        return self._url("postgres")

    def _url(self, database: str) -> str:
        tls = f"sslmode=verify-full&channel_binding=require&sslrootcert={self._certificate}"
        return f"postgresql://postgres:{_PASSWORD}@{self.host.address}/{database}?{tls}"

    def _write_certificate(self, owner: int) -> None:
        """One that vouches for itself, where PostgreSQL looks for it, and for its clients."""
        data = self.disk.path / "data"
        named = ["-subj", "/CN=postgresql", "-addext", f"subjectAltName=IP:{self.host.address}"]
        written = ["-keyout", data / "server.key", "-out", data / "server.crt"]
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        # There is an alarm for what expires within openssl's own 30 days.
        request = ["-x509", "-days", "365", *curve, "-nodes", *named, *written]
        subprocess.run(["openssl", "req", *request], check=True, capture_output=True)
        os.chown(data / "server.key", owner, -1)
        (data / "server.crt").chmod(0o644)
        shutil.copy(data / "server.crt", self._certificate)


class Weed:
    """A SeaweedFS on a host and a disk of its own: an S3 store."""

    def __init__(self, host: Host, folder: Path, disk: Disk) -> None:
        self.host, self.disk = host, disk
        # Its parts talk over sockets in /tmp that are named after their ports. Two servers with the same ports would
        # talk to each other, even across networks.
        ports = dict(zip(_PARTS, free_ports(len(_PARTS), _GRPC), strict=True))
        self.address = (host.address, ports["s3"])
        write_identities(disk.folder.parent / "s3.json")
        options = ["-ip.bind=0.0.0.0", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
        options += ["-admin.ui=false", "-webdav=false", "-master.telemetry=false", f"-s3.config={folder / 's3.json'}"]
        options += [f"-{part}.port={port}" for part, port in ports.items()]
        options += [f"-ip={host.address}", f"-dir={disk.folder / 'data'}", "-volume.max=60"]
        options += [f"-filer.localSocket={disk.folder / 'filer.sock'}", f"-s3.localSocket={disk.folder / 's3.sock'}"]
        environment = {"GOMEMLIMIT": "400MiB", "WEED_JWT_FILER_SIGNING_KEY": secrets.token_hex(16)}
        (disk.path / "data").mkdir()
        prefix, command = (*host.prefix, *disk.prefix), [WEED, "mini", *options]
        self.program = Program("SeaweedFS", prefix, command, folder / "store.log", environment)
        self.place = S3Place(f"http://{host.address}:{ports['s3']}", BUCKET, ACCESS_KEY, SECRET_KEY, prefix="faults")

    def start(self) -> None:
        """Begin, and wait until it keeps objects."""
        self.program.start()
        wait_until(self.answers, "SeaweedFS does not answer")

    def answers(self) -> bool:
        """Whether it keeps an object and gives it back."""
        try:
            change_bucket(self.place, "PUT")
            obstore.put(client_of(replace(self.place, prefix="probe")), "probe", b"x", use_multipart=False)
        except (httpx.HTTPError, BaseError, OSError):
            return False
        return True


class Bao:
    """An OpenBao with its own storage on a host and a disk of its own; the caller has to unseal it."""

    def __init__(self, host: Host, folder: Path, disk: Disk) -> None:
        self.host, self.disk = host, disk
        self.address = (host.address, 8200)
        self._operator = hvac.Client(url=f"http://{host.address}:8200", timeout=10)
        self._unsealing = ""
        (disk.path / "data").mkdir()
        (folder / "bao.hcl").write_text(_BAO.format(address=host.address, data=disk.folder / "data"))
        prefix, command = (*host.prefix, *disk.prefix), [BAO, "server", f"-config={folder / 'bao.hcl'}"]
        self.program = Program("OpenBao", prefix, command, folder / "openbao.log")

    def start(self) -> None:
        """Begin, unseal it, and wait until it answers."""
        self.program.start()
        self.unseal()

    def create(self, folder: Path) -> Place:
        """Begin for the first time, with a place for a deployment, whose role is in the folder."""
        self.program.start()
        wait_until(self._is_up, "OpenBao does not start")
        keys = self._operator.sys.initialize(secret_shares=1, secret_threshold=1)
        self._operator.token, [self._unsealing] = keys["root_token"], keys["keys"]
        self.unseal()
        server = Server(self._operator.url, self._operator)
        server.asked("post", "sys/auth/approle", type="approle")
        return create_place(server, folder)

    def unseal(self) -> None:
        """What an operator does after every start."""
        wait_until(self._is_up, "OpenBao does not start")
        self._operator.sys.submit_unseal_key(self._unsealing)
        wait_until(self.answers, "OpenBao does not answer")

    def answers(self) -> bool:
        """Whether it is unsealed and leads."""
        return self._status() == 200

    def _is_up(self) -> bool:
        return self._status() != 0

    def _status(self) -> int:
        try:
            return httpx.get(f"{self._operator.url}/v1/sys/health", timeout=5, **NO_TLS).status_code
        except httpx.TransportError:
            return 0


class Nginx:
    """Debian's, before the nodes, set up as it is delivered; but for TLS, which tests/nodes tries."""

    def __init__(self, port: int, folder: Path, nodes: Sequence[str]) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, site=_site(port, nodes, folder)))
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
        command = [program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]
        self.program = Program("nginx", ("setpriv", "--pdeathsig", "KILL"), command, folder / "nginx.log")

    def __enter__(self) -> Self:
        self.program.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.program.kill()


def _site(port: int, nodes: Sequence[str], folder: Path) -> str:
    """deploy/nginx.conf with the cluster's addresses, without its servers that only lead to TLS or refuse."""
    text = CONFIGURATION.read_text("utf-8")
    upstream = text[text.index("map ") : text.index("server {\n")]
    site = text[text.rindex("\nserver {") :]
    servers = "\n".join(f"    server {node} max_fails=2 fail_timeout=5s;" for node in nodes)
    for pattern, new in (
        (r"    server unix:/run/deldokument/serve\.sock max_fails=2 fail_timeout=5s;", servers),
        (r"\n    (ssl_|http2 |listen \[::\]).*", ""),
        (r"listen 443 ssl", f"listen 127.0.0.1:{port}"),
        (r"/var/log/nginx/deldokument\.log", str(folder / "site.log")),
    ):
        upstream, first = re.subn(pattern, new, upstream)
        site, second = re.subn(pattern, new, site)
        assert first + second, pattern
    return upstream + site


_BAO = """
storage "raft" {{ path = "{data}", node_id = "one" }}
listener "tcp" {{ address = "{address}:8200", tls_disable = true }}
api_addr = "http://{address}:8200"
cluster_addr = "https://{address}:8201"
disable_standby_reads = true
"""
_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 4096;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{site}
}}
"""


def children(pid: int) -> list[int]:
    """Processes that a process has started, theirs too."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        more = parents.get(waiting.pop(), [])
        found += more
        waiting += more
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true: Callable[[], bool], otherwise: str | Callable[[], str], seconds: float = PATIENCE) -> None:
    """Ask until it is so; an assertion error when it never is, in words that may be made only then."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise if isinstance(otherwise, str) else otherwise()
        time.sleep(0.05)
