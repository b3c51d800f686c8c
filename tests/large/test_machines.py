"""The operator's page on two bare Debian machines: a cluster, and what is done with it.

Each has an address of its own; a SeaweedFS and an OpenBao are there already. The network is this machine's, so what a
firewall between them would do is not tried.
"""

import json
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deldokument.bootstrap.runtime import Runtime, build_runtime
from deldokument.config.settings import load_settings
from deldokument.services.accounts.integrations import add_integration
from deldokument.services.accounts.lifecycle import create_account
from tests.support.deployment import machine_setup
from tests.support.deployment.deployment import FJELL, OLA, OLA_NUMBER, wait_until
from tests.support.deployment.machine import Machine, booted
from tests.support.deployment.machine_setup import (
    ENV,
    HOST,
    KEYS,
    UNITS,
    begin,
    browsing,
    deliver,
    enter,
    fill_in,
    serves,
    shown,
)
from tests.support.deployment.operating_page import blocks, lines, typed
from tests.support.deployment.simulators import Running
from tests.support.servers.openbao import running_openbao
from tests.support.servers.seaweedfs import ACCESS_KEY, SECRET_KEY, SERVICE_KEY, SeaweedFS, start_seaweedfs
from tests.support.stage.tenants import take_into_use

pytestmark = [pytest.mark.large, pytest.mark.timeout(1800)]
ADDRESSES = ("10.0.0.10", "10.0.0.11")
SERVE, WORK = UNITS
_CONNECTIONS = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'deldokument'"
_SHARE = f"""
grep -q {HOST} /etc/hosts || echo "127.0.0.1 {HOST}" >> /etc/hosts
env SSL_CERT_FILE=/etc/deldokument/tls/{HOST}.pem DELDOKUMENT_CLIENT_URL=https://{HOST} \
  DELDOKUMENT_CLIENT_ISSUER=$ISSUER DELDOKUMENT_CLIENT_CLIENT_ID=fagsystem \
  DELDOKUMENT_CLIENT_KEY_PATH=/root/client.json \
  /opt/deldokument/bin/deldokument share content.bin --account Byggesak --to - --archived --quiet \
  --until "$(date --date=+14days +%F)" <<< {OLA_NUMBER}
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Two machines on which all of the page has been done."""

    first: Machine
    second: Machine

    @property
    def both(self) -> tuple[Machine, Machine]:
        """In the order of their addresses."""
        return self.first, self.second


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, disk: Path, delivered: Path, registers: Running
) -> Iterator[Cluster]:
    with ExitStack() as stack:
        stack.enter_context(addresses())
        store = start_seaweedfs(tmp_path_factory.mktemp("seaweedfs"))
        stack.callback(store.kill)
        bao = stack.enter_context(running_openbao(tmp_path_factory.mktemp("openbao")))
        new = Cluster(*(stack.enter_context(booted(tmp_path_factory.mktemp(name), disk)) for name in ("a", "b")))
        for machine in new.both:
            deliver(delivered, machine)

        def share_what_both_reach() -> None:
            keep_blobs_in(store, new.first)
            machine_setup.provide_openbao(new.first)
            machine_setup.connect_to_openbao(new.first, bao)
            for block in blocks("A keyring in OpenBao"):
                new.first.run(block)
            fill_in(new.first, lines("A keyring in OpenBao"))

        begin(new.first, registers, before=share_what_both_reach)
        open_postgresql(new.first)
        add_second(new)
        yield new


@contextmanager
def addresses() -> Iterator[None]:
    """Those of the page, for as long as the machines are there."""
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
    try:
        yield
    finally:
        for address in ADDRESSES:
            subprocess.run(["ip", "address", "delete", f"{address}/32", "dev", "lo"], check=True)


def keep_blobs_in(store: SeaweedFS, machine: Machine) -> None:
    make, keep = blocks("An S3-compatible store")
    asked = {"--user OWNER": SECRET_KEY, "install": SECRET_KEY}
    for block in (make, keep):
        machine.run(typed(block, asked).replace("OWNER", ACCESS_KEY).replace("https://s3.example", store.endpoint))
    examples = {"https://s3.example": store.endpoint, "SERVICE": SERVICE_KEY}
    given = lines("An S3-compatible store")
    fill_in(machine, {name: examples.get(value, value) for name, value in given.items()})


def open_postgresql(machine: Machine) -> None:
    let_in, use = blocks("PostgreSQL for several machines")
    machine.run(let_in)
    fill_in(machine, lines("PostgreSQL for several machines"))
    machine.run(use)


def add_second(cluster: Cluster) -> None:
    pack, unpack, point = blocks("A second machine")
    cluster.first.run(pack)
    carry(cluster, "root/deldokument.tar", "root/deldokument.tar")
    for block in [*blocks("The program")[1:], unpack, *blocks("Processes")]:
        cluster.second.run(block)
    cluster.first.run(point)


def carry(cluster: Cluster, here: str, there: str) -> None:
    """A file from the first to the second, over a channel that nobody else reads."""
    shutil.copy(cluster.first.root / here, cluster.second.root / there)


@contextmanager
def stopped(machine: Machine, unit: str) -> Iterator[None]:
    units = f"{unit}.socket {unit}" if unit == "deldokument-serve" else unit
    machine.run(f"systemctl stop {units}")
    try:
        yield
    finally:
        machine.run(f"systemctl start {units}")
        machine.run(blocks("Processes")[0].splitlines()[-1])


@contextmanager
def opened(machine: Machine) -> Iterator[Runtime]:
    """A world of the test's own over what the machines share."""
    given = {}
    for line in (machine.root / ENV).read_text().splitlines():
        name, _, value = line.partition("=")
        if name.startswith("DELDOKUMENT_") and value:
            given[name.removeprefix("DELDOKUMENT_").lower()] = shlex.split(value)[0].replace(
                "/etc/", f"{machine.root}/etc/", 1
            )
    url = (machine.root / "etc/deldokument/secrets/del/DATABASE_URL").read_text().strip()
    given["database_url"] = url.replace("=/etc/", f"={machine.root}/etc/")
    given["altinn_subscription_key"] = (
        (machine.root / "etc/deldokument/secrets/del/ALTINN_SUBSCRIPTION_KEY").read_text().strip()
    )
    with closing(build_runtime(load_settings(**given))) as node:
        yield node


def test_nothing_is_to_be_mended_on_either_machine(cluster: Cluster) -> None:
    for machine, address in zip(cluster.both, ADDRESSES, strict=True):
        assert "WARNING" not in machine.run("del doctor")
        assert [shown(machine, unit, "ActiveState") for unit in UNITS] == ["active", "active"]
        assert address in machine.run("cat /etc/deldokument/env")


def test_everybody_reaches_the_database_by_tls(cluster: Cluster) -> None:
    asked = f'runuser -u postgres -- psql --tuples-only --no-align --command "{_CONNECTIONS}"'
    assert cluster.first.run(asked).split() == ["t"]


def test_a_login_works_whichever_node_answers(cluster: Cluster) -> None:
    for silent in cluster.both:
        with stopped(silent, SERVE), browsing(cluster.first) as browser:
            serves(browser)
            assert "eksempel kommune" in enter(browser, "Tora Vik", "/drift").text.casefold()


def test_a_share_goes_up_by_one_node_is_inspected_by_the_other_and_comes_down_there(
    cluster: Cluster, registers: Running
) -> None:
    content = bytes(range(256)) * 40_000
    first = cluster.first.root / "root"
    (first / "content.bin").write_bytes(content)
    (first / "client.json").write_text(json.dumps(registers.client_key))
    (first / "client.json").chmod(0o600)
    registers.register_consumer("fagsystem", FJELL)
    with opened(cluster.first) as node, ExitStack() as silent:
        with node.deps.database.read() as tx:
            [tenant] = tx.tenants.all()
        take_into_use(node.deps, tenant.id)
        account = create_account(node.deps, tenant_id=tenant.id, name="Byggesak")
        add_integration(node.deps, tenant_id=tenant.id, account_id=account.id, organization_number=FJELL)
        with stopped(cluster.second, SERVE), stopped(cluster.first, WORK):
            link = cluster.first.run(f"ISSUER={registers.maskinporten_issuer}\n{_SHARE}").strip()
            share_id = link.rpartition("/")[2]
            wait_until(lambda: bool(inspected(node, share_id)), 60, "it was not inspected")
        silent.enter_context(stopped(cluster.first, SERVE))
        browser = silent.enter_context(browsing(cluster.first))
        serves(browser)
        enter(browser, OLA, f"/d/{share_id}")
        assert browser.get(f"/d/{share_id}/dokument/{inspected(node, share_id)[0]}").content == content


def inspected(node: Runtime, share_id: str) -> list[str]:
    with node.deps.database.read() as tx:
        return [document.id for document in tx.shares.documents([share_id]) if document.inspected_at]


def test_the_root_key_is_rotated_on_both_machines(cluster: Cluster) -> None:
    prepare, take, seal, follow = blocks("In a file, on several nodes")
    [old] = {machine.run(f"cat {KEYS}/root.key") for machine in cluster.both}
    cluster.first.run(prepare)
    carry(cluster, f"{KEYS[1:]}/root.key.new", "root/root.key.new")
    cluster.second.run(take)
    assert "re-encrypted" in cluster.first.run(seal)
    with stopped(cluster.first, SERVE), browsing(cluster.first) as browser:
        serves(browser)
        enter(browser, "Tora Vik", "/drift")
    cluster.second.run(follow)
    [new] = {machine.run(f"cat {KEYS}/root.key") for machine in cluster.both}
    assert new != old
    for machine in cluster.both:
        machine.run("del doctor")
        assert machine.run(f"ls {KEYS}/root.key* /root/root.key* 2>/dev/null || true").split() == [f"{KEYS}/root.key"]
    with browsing(cluster.first) as browser:
        serves(browser)
        enter(browser, "Tora Vik", "/drift")
