"""The whole service on one host with its keyring in OpenBao, by the commands of docs/containers.md as they stand."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.architecture.rules import ROOT
from tests.browser.files import noise, sha256
from tests.browser.visitor import SharePage, Visitor
from tests.large.compose.composed import (
    ADMINISTER,
    NODES,
    OLA,
    RUNNING,
    USERS,
    WITH_OPENBAO,
    assert_confined,
    downloaded,
    has_recovered,
    link_to,
    operate,
    start_with_the_host,
    typed,
)
from tests.support.deployment.deployment import wait_until
from tests.support.deployment.machine_setup import serves
from tests.support.servers.openbao import PROGRAM
from tests.support.servers.podman import Podman
from tests.support.servers.ports import free_ports

# The tests open the deployment from outside of its containers, too: OpenBao has an address.
pytestmark = [pytest.mark.large, pytest.mark.timeout(3600), pytest.mark.allow_hosts(["127.0.0.1", "10.89.30.13"])]
PREPARE = WITH_OPENBAO
"""Read by the fixture ``host``."""
_FILES = ("compose/openbao", "compose/openbao.hcl", "compose/listener.hcl", "openbao/deldokument-keyring.hcl")


def test_two_commands_lead_to_a_service_in_which_nothing_is_missing(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    has_recovered(host, browser)
    assert_confined(host, RUNNING, USERS | {"10005:10005"})
    host.run("podman healthcheck run deldokument_keyring_1")
    assert "postgres" not in host.run("podman top deldokument_keyring_1 args")


def test_root_of_the_host_administers_it(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    listed = host.run(ADMINISTER).split()
    assert listed == ["administrator", "default", "deldokument-keyring", "root"]


def test_nothing_is_created_again_for_existing_data(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    secret, aside = host.folder / "srv/secrets/keyring/deldokument", host.folder / "aside"
    secret.rename(aside)
    try:
        prepared = f"({WITH_OPENBAO.strip()}) 2>&1 || echo refused"
        assert typed(host, prepared).endswith("OpenBao's data is there, but not its secrets: restore them\nrefused\n")
        assert not secret.exists()
    finally:
        aside.rename(secret)
    moved = typed(host, prepared.replace("KEYRING=openbao", "KEYRING=postgresql"))
    assert moved == "the keyring is in openbao and cannot be moved\nrefused\n"


def test_openbao_gives_the_service_no_more_than_the_keyring(host: Podman, browser: httpx.Client) -> None:
    serves(browser)
    logged_in = (
        "BAO_TOKEN=$(bao write -field=token auth/approle/login"
        " role_id=deldokument secret_id=@/etc/openbao/deldokument) bao"
    )
    tried = "podman exec deldokument_keyring_1 sh -euc '{} 2>&1 || echo refused'"
    assert "refused" not in host.run(tried.format(f"{logged_in} read deldokument/data/root"))
    for command in ("secrets list", "policy list", "write -f auth/approle/role/deldokument/secret-id"):
        assert "permission denied" in host.run(tried.format(f"{logged_in} {command}"))
    assert "refused" in host.run(tried.format("bao operator generate-root -init"))


@pytest.mark.usefixtures("account")
def test_a_share_can_be_received_after_the_host_has_started_again(
    host: Podman, browser: httpx.Client, people: list[Visitor], tmp_path: Path
) -> None:
    serves(browser)
    kari, ola = people
    file = noise(tmp_path / "tegninger.bin", 1_000_000)
    kari.log_in("Kari Lunde")
    path = SharePage(kari).share(file, OLA)
    start_with_the_host(host)
    has_recovered(host, browser)
    assert "keys re-encrypted" in operate(host, "del keys rotate-root")
    host.run(f"podman restart {' '.join(f'deldokument_{service}_1' for service in (*NODES, 'worker'))}")
    has_recovered(host, browser)
    assert sha256(downloaded(ola, link_to(ola, path, file))) == sha256(file)


def test_a_first_start_that_is_broken_off_begins_again_and_a_later_one_keeps_everything(tmp_path: Path) -> None:
    """The script of the container, in folders and at ports of the test."""
    local = LocalOpenBao(tmp_path)
    with local.started():
        wait_until((local.var / "data.new/raft/raft.db").exists, 60, "nothing was begun")
    assert not (local.var / "data").exists()
    with local.started():
        wait_until(lambda: local.logged_in() != "", 120, "it did not begin again")
        local.bao("kv", "put", "-cas=0", "-mount=deldokument", "entry/aa", "sealed=1", token=local.logged_in())
    with local.started():
        wait_until(lambda: local.logged_in() != "", 60, "it did not start again")
        asked = "kv", "get", "-mount=deldokument", "-field=sealed", "entry/aa"
        assert local.bao(*asked, token=local.logged_in()) == "1"


class LocalOpenBao:
    """The container's files on this machine, and its clients."""

    def __init__(self, folder: Path) -> None:
        [port] = free_ports(1, 1)
        self.etc, self.var = folder / "etc", folder / "var"
        self.etc.mkdir()
        self.var.mkdir()
        own = {
            "/tmp/": f"{folder}/",
            "/etc/openbao": str(self.etc),
            "/var/lib/openbao": str(self.var),
            ":8200": f":{port}",
            ":8201": f":{port + 1}",
        }
        for name in _FILES:
            text = (ROOT / "deploy" / name).read_text()
            for theirs, ours in own.items():
                text = text.replace(theirs, ours)
            (self.etc / Path(name).name).write_text(text)
        (self.etc / "unseal").write_bytes(os.urandom(32))
        for role in ("deldokument", "administrator"):
            (self.etc / role).write_text(f"the secret of {role}")
        certified = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=keyring"
        certified += f" -addext subjectAltName=IP:127.0.0.1 -keyout {self.etc}/tls.key -out {self.etc}/tls.pem"
        subprocess.run(certified.split(), check=True, capture_output=True)
        self._environment = {
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "BAO_ADDR": f"https://127.0.0.1:{port}",
            "BAO_CACERT": f"{self.etc}/tls.pem",
        }

    @contextmanager
    def started(self) -> Iterator[None]:
        """The script, killed at the end of the block with all that it has started."""
        line = ["sh", self.etc / "openbao"]
        with (
            (self.etc / "log").open("ab") as log,
            subprocess.Popen(line, env=self._environment, start_new_session=True, stdout=log, stderr=log) as process,
        ):
            try:
                yield
            finally:
                os.killpg(process.pid, signal.SIGKILL)

    def bao(self, *words: str, token: str = "") -> str:
        """What a command prints; empty when it is refused."""
        environment = self._environment | {"BAO_TOKEN": token}
        return subprocess.run([PROGRAM, *words], env=environment, capture_output=True, text=True, check=False).stdout

    def logged_in(self) -> str:
        """A token of the service, as soon as there is one."""
        secret = f"secret_id=@{self.etc}/deldokument"
        return self.bao("write", "-field=token", "auth/approle/login", "role_id=deldokument", secret)
