"""A SeaweedFS of the tests' own: started once for a run, shared by its workers, a fresh place in it for each test.

The program comes from a wheel of the test dependencies. It listens on loopback alone: its inner ports answer without
authentication. It takes many seconds to end when it is asked to, so it is killed. The last worker of a run does that.

    from tests.support.servers.seaweedfs import s3_place, seaweedfs  # noqa: F401  (in a conftest.py)
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

import httpx
import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from deldokument.adapters.blobs.s3 import S3Place
from tests.support.deployment.shared_server import shared_by_workers
from tests.support.servers.ports import NO_TLS, free_ports

PROGRAM = Path(sys.executable).parent / "weed"
BUCKET = "tests"
ACCESS_KEY, READER_KEY, SECRET_KEY = "deldokument", "reader", "a-secret-of-the-tests"
SERVICE_KEY, SERVICE_BUCKET = "service", "deldokument"
"""Who may do with one bucket what the operator's page asks for, and no more."""
_START_SECONDS = 90.0
_SIGNED_FOR = timedelta(minutes=5)
_GRPC = 10_000
"""Each service listens for the others so far above its port."""
_SERVICES = ("s3", "master", "volume", "filer", "admin")


@dataclass(frozen=True, slots=True)
class SeaweedFS:
    """A running server, with all its roles in one process."""

    folder: Path
    ports: tuple[int, ...]
    pid: int

    @property
    def endpoint(self) -> str:
        """Where it speaks S3."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def kill(self) -> None:
        """SIGKILL; it is no more when this returns."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        while self.lives():
            time.sleep(0.01)

    def lives(self) -> bool:
        """Whether the process is there."""
        try:
            return "\nState:\tZ" not in Path(f"/proc/{self.pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False

    def place(self, bucket: str = BUCKET, prefix: str | None = None) -> S3Place:
        """Below a prefix that nobody else uses, unless one is given."""
        given = f"test-{secrets.token_hex(8)}" if prefix is None else prefix
        return S3Place(self.endpoint, bucket, ACCESS_KEY, SECRET_KEY, prefix=given)


def start_seaweedfs(folder: Path, ports: tuple[int, ...] | None = None) -> SeaweedFS:
    """Start it over ``folder``, which may hold what an earlier one kept; it answers when this returns."""
    if not PROGRAM.exists():
        pytest.fail(f"no {PROGRAM}: it comes with the development dependencies (scripts/setup dev)", pytrace=False)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    write_identities(folder / "s3.json")
    ports = ports or tuple(free_ports(len(_SERVICES), _GRPC))
    options = [
        f"-dir={folder / 'data'}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={folder / 's3.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        f"-filer.localSocket={folder / 'filer.sock'}",
        f"-s3.localSocket={folder / 's3.sock'}",
        *(f"-{name}.port={port}" for name, port in zip(_SERVICES, ports, strict=True)),
    ]
    environment = os.environ | {"GOMEMLIMIT": "400MiB", "WEED_JWT_FILER_SIGNING_KEY": secrets.token_hex(16)}
    # Detached from the test worker that starts it, which may end long before the last one.
    spawn = ["sh", "-c", 'exec "$@" >>log 2>&1 </dev/null & echo $!', "sh", PROGRAM, "mini", *options]
    done = subprocess.run(spawn, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    server = SeaweedFS(folder, ports, int(done.stdout))
    _wait_until_it_answers(server)
    return server


def write_identities(path: Path) -> None:
    """Who may use a server, for its -s3.config."""
    may = {
        ACCESS_KEY: ["Admin", "Read", "List", "Tagging", "Write"],
        READER_KEY: ["Read", "List"],
        SERVICE_KEY: [f"{verb}:{SERVICE_BUCKET}" for verb in ("Read", "List", "Write")],
    }
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": SECRET_KEY}], "actions": actions}
        for key, actions in may.items()
    ]
    path.write_text(json.dumps({"identities": identities}))


def _wait_until_it_answers(server: SeaweedFS) -> None:
    """Until it keeps an object: the port opens before there is a volume to write to."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            change_bucket(server.place(), "PUT")
            obstore.put(client_of(server.place()), "probe", b"x", use_multipart=False)
            return
        except (httpx.HTTPError, BaseError, OSError):
            assert server.lives(), (server.folder / "log").read_text()
            assert time.monotonic() < deadline, (server.folder / "log").read_text()
            time.sleep(0.05)


def change_bucket(place: S3Place, method: Literal["PUT", "DELETE"]) -> None:
    """Make or remove the bucket itself; one that is there already is no error. Raises httpx.HTTPError."""
    address = obstore.sign(client_of(replace(place, prefix="")), method, "", _SIGNED_FOR)
    answer = httpx.request(method, address, **NO_TLS)
    if answer.status_code != httpx.codes.CONFLICT:
        answer.raise_for_status()


def s3_settings(place: S3Place) -> dict[str, str]:
    """The settings of a deployment that uses it."""
    return {
        "blobs_s3_endpoint": place.endpoint,
        "blobs_s3_bucket": place.bucket,
        "blobs_s3_prefix": place.prefix,
        "blobs_s3_access_key_id": place.access_key_id,
        "blobs_s3_secret_access_key": place.secret_access_key,
    }


def client_of(place: S3Place) -> S3Store:
    """A plain client, for what the tests do past the adapter."""
    return S3Store(
        place.bucket,
        prefix=place.prefix or None,
        endpoint=place.endpoint,
        region=place.region,
        access_key_id=place.access_key_id,
        secret_access_key=place.secret_access_key,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


@pytest.fixture(scope="session")
def seaweedfs(testrun_uid: str) -> Iterator[SeaweedFS]:
    """The run's server."""
    folder = Path(tempfile.gettempdir()) / f"deldokument-s3-{testrun_uid[:16]}"
    note = folder / "server.json"

    def start() -> None:
        server = start_seaweedfs(folder)
        note.write_text(json.dumps([server.ports, server.pid]))

    def stop() -> None:
        _noted(note).kill()
        shutil.rmtree(folder)

    with shared_by_workers(folder, start, stop):
        yield _noted(note)


def _noted(note: Path) -> SeaweedFS:
    ports, pid = json.loads(note.read_text())
    return SeaweedFS(note.parent, tuple(ports), pid)


@pytest.fixture
def s3_place(seaweedfs: SeaweedFS) -> S3Place:
    """A place in which nothing is."""
    return seaweedfs.place()
