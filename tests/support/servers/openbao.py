"""An OpenBao of the tests' own, in memory: started once by each worker that needs it; mounts and a role for each test.

The program comes from a wheel of the test dependencies. The service's roles get the policies that are supplied to
operators, for mounts of their own.
"""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import pytest
from hvac.exceptions import VaultError

from deldokument.adapters.keys.openbao import TIMEOUT, OpenBao
from tests.support.servers.ports import free_ports

PROGRAM = Path(sys.executable).parent / "bao"
POLICIES = Path(__file__).parents[3] / "deploy" / "openbao"
_ROOT = "root-token-of-the-tests"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and its root token."""

    url: str
    operator: hvac.Client
    authority: Path | None = None
    """The certificate that vouches for its own, where it has one."""

    def asked(self, method: str, path: str, **body: Any) -> Any:
        """What its operator does."""
        return self.operator.adapter.request(method, f"/v1/{path}", json=body)


@dataclass(frozen=True, slots=True)
class Place:
    """Mounts that one deployment has in a server, and the service's role there."""

    server: Server
    name: str
    role_id: str
    secret_id_path: Path

    @property
    def keyring_mount(self) -> str:
        """Where the keyring is."""
        return f"keys-{self.name}"

    @property
    def transit_mount(self) -> str:
        """Where the root key is."""
        return f"transit-{self.name}"

    @property
    def key(self) -> str:
        """Where the operator finds the root key."""
        return f"{self.transit_mount}/keys/deldokument"

    def connection(self, timeout: tuple[float, float] = TIMEOUT) -> OpenBao:
        """As a node opens it."""
        return OpenBao(self.server.url, self.role_id, self.secret_id_path, timeout=timeout)

    def rotate(self) -> None:
        """Another version of the root key, as the operator makes it."""
        self.server.asked("post", f"{self.key}/rotate")

    def trim(self, version: int) -> None:
        """Destroy all older versions, as the operator's guide says."""
        self.server.asked("post", f"{self.key}/config", min_decryption_version=version, min_encryption_version=version)
        self.server.asked("post", f"{self.key}/trim", min_available_version=version)


@contextmanager
def running_openbao(certificates: Path | None = None) -> Iterator[Server]:
    """A server until the end of the block; with TLS where there is a folder for its certificates."""
    if not PROGRAM.exists():
        pytest.fail(f"no {PROGRAM}: it comes with the development dependencies (scripts/setup dev)", pytrace=False)
    # The next port is used too, for the communication of a cluster's servers.
    (port,) = free_ports(1, 1)
    command = [PROGRAM, "server", "-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{port}"]
    if certificates:
        command += ["-dev-tls", f"-dev-tls-cert-dir={certificates}"]
    environment = os.environ | {"BAO_DEV_ROOT_TOKEN_ID": _ROOT}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"{'https' if certificates else 'http'}://127.0.0.1:{port}"
            authority = certificates / "vault-ca.pem" if certificates else None
            server = Server(url, hvac.Client(url=url, token=_ROOT, verify=str(authority or "") or True), authority)
            _wait_until_it_answers(server, process)
            server.asked("post", "sys/auth/approle", type="approle")
            yield server
        finally:
            process.kill()


def _wait_until_it_answers(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            # Its default mount is created last.
            server.asked("get", "sys/mounts/secret")
            return
        except (VaultError, OSError):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


def create_place(server: Server, folder: Path) -> Place:
    """Mounts, key, policies and role as an operator makes them."""
    name = f"d{secrets.token_hex(6)}"
    mounts = f"keys-{name}", f"transit-{name}"
    server.asked("post", f"sys/mounts/{mounts[0]}", type="kv", options={"version": "2"})
    server.asked("post", f"sys/mounts/{mounts[1]}", type="transit")
    _configure(server, mounts[0])
    server.asked("post", f"{mounts[1]}/keys/deldokument", type="aes256-gcm96")
    for policy in POLICIES.glob("*.hcl"):
        text = policy.read_text().replace('"deldokument/', f'"{mounts[0]}/').replace('"transit/', f'"{mounts[1]}/')
        server.asked("post", f"sys/policies/acl/{policy.stem}-{name}", policy=text)
    policies = [f"{policy.stem}-{name}" for policy in POLICIES.glob("*.hcl")]
    role = f"auth/approle/role/{name}"
    server.asked(
        "post", role, token_policies=policies, token_no_default_policy=True, token_type="batch", token_ttl="1h"
    )
    role_id = server.asked("get", f"{role}/role-id")["data"]["role_id"]
    secret_id_path = folder / "secret-id"
    secret_id_path.touch(0o600)
    secret_id_path.write_text(server.asked("post", f"{role}/secret-id")["data"]["secret_id"] + "\n")
    return Place(server, name, role_id, secret_id_path)


def _configure(server: Server, mount: str) -> None:
    """Once the engine has finished setting itself up, which it does beside answering."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            server.asked("post", f"{mount}/config", max_versions=1, cas_required=True)
            return
        except VaultError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def openbao_settings(place: Place) -> dict[str, str]:
    """The settings of a deployment that uses it."""
    return {
        "keyring": "openbao",
        "root_key": "transit",
        "openbao_url": place.server.url,
        "openbao_role_id": place.role_id,
        "openbao_secret_id_path": str(place.secret_id_path),
        "openbao_keyring_mount": place.keyring_mount,
        "transit_mount": place.transit_mount,
    }


@pytest.fixture(scope="session")
def openbao() -> Iterator[Server]:
    """This worker's server."""
    with running_openbao() as server:
        yield server


@pytest.fixture
def bao_place(openbao: Server, tmp_path: Path) -> Place:
    """A place in which nothing is."""
    return create_place(openbao, tmp_path)
