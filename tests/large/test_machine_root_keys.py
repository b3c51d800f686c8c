"""The operator's page on a bare Debian machine, with a root key that is in no file.

Each test makes a new deployment as the page says, its processes in their units, and rotates the root key.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.deployment.deployment import wait_until
from tests.support.deployment.machine import Machine, booted
from tests.support.deployment.machine_setup import (
    UNITS,
    begin,
    connect_to_openbao,
    deliver,
    fill_in,
    provide_openbao,
    shown,
)
from tests.support.deployment.operating_page import blocks, lines
from tests.support.deployment.simulators import Running
from tests.support.servers.openbao import Server, running_openbao

pytestmark = [pytest.mark.large, pytest.mark.timeout(1800)]
_ROOTS = "SELECT root_key_id FROM entry UNION SELECT key_id FROM root"
_FORGET = f"""
systemctl disable --now deldokument-serve.socket {" ".join(UNITS)}
runuser -u postgres -- dropdb deldokument
for role in deldokument deldokument_serve deldokument_worker; do runuser -u postgres -- dropuser "$role"; done
rm -rf /etc/deldokument /var/lib/deldokument
"""


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An OpenBao in which nobody logs in by AppRole yet."""
    with running_openbao(tmp_path_factory.mktemp("openbao")) as server:
        server.asked("delete", "sys/auth/approle")
        yield server


@pytest.fixture(scope="module")
def bare_machine(tmp_path_factory: pytest.TempPathFactory, disk: Path, delivered: Path) -> Iterator[Machine]:
    """A machine with the program."""
    with booted(tmp_path_factory.mktemp("machine"), disk) as new:
        deliver(delivered, new)
        for block in blocks("The program")[1:]:
            new.run(block)
        provide_openbao(new)
        yield new


@pytest.fixture
def machine(bare_machine: Machine) -> Iterator[Machine]:
    """The same, without the deployment in the end."""
    yield bare_machine
    bare_machine.run(_FORGET)


def deploy(machine: Machine, registers: Running, root_key: Callable[[], None], without: str = "\n\n") -> None:
    """All that stands on the page up to the first tenant but the proxy, with the root key that is made in the midst."""
    sections = ("Settings and keys", "The database", "Processes", "The first tenant")
    commands = [block.replace(without, "") for heading in sections for block in blocks(heading)]
    begin(machine, registers, commands, before=root_key)


def in_good_order(machine: Machine) -> None:
    """Both units are active, the doctor finds no fault, and the journal has no error."""
    wait_until(lambda: "CRITICAL" not in machine.run("del doctor || true"), 30, "no worker")
    machine.run("del doctor")
    assert [shown(machine, unit, "ActiveState") for unit in UNITS] == ["active", "active"]
    since = shown(machine, UNITS[0], "ActiveEnterTimestamp")
    units = " ".join(f"--unit={unit}" for unit in UNITS)
    journal = machine.run(f"journalctl --no-pager --output=cat --since='{since}' {units}")
    assert [word for word in ("ERROR", "Traceback") if word in journal] == [], journal


def in_use(machine: Machine) -> list[str]:
    """The root keys that the keyring is sealed under."""
    keyring = f"file:{machine.root}/var/lib/deldokument/keyring.sqlite3?mode=ro"
    with closing(sqlite3.connect(keyring, uri=True)) as connection:
        return [name for (name,) in connection.execute(_ROOTS)]


def test_a_root_key_in_openbaos_transit_engine_can_be_rotated(
    machine: Machine, registers: Running, bao: Server
) -> None:
    def make() -> None:
        connect_to_openbao(machine, bao)
        for block in blocks("A root key in Transit"):
            machine.run(block)
        fill_in(machine, lines("A root key in Transit"))

    deploy(machine, registers, make, without="del keys create-root\n")
    in_good_order(machine)
    [rotate] = blocks("In Transit")
    output = machine.run(rotate)
    assert "trim transit/keys/deldokument" not in output
    for command in rotate.splitlines()[2:]:
        assert command in output
    [name] = in_use(machine)
    assert name.startswith("transit-2-")
    in_good_order(machine)


def test_the_root_key_in_a_module(machine: Machine, registers: Running) -> None:
    def make() -> None:
        for block in blocks("A root key in a module"):
            machine.run(block)
        fill_in(machine, lines("A root key in a module"))

    deploy(machine, registers, make)
    in_good_order(machine)
    [rotate] = blocks("In a file, or in a module")
    assert "re-encrypted" in machine.run(rotate)
    [name] = in_use(machine)
    assert name.startswith("pkcs11-00000002")
    in_good_order(machine)


def test_the_root_key_in_a_file_of_the_only_machine(machine: Machine, registers: Running) -> None:
    deploy(machine, registers, lambda: None)
    [before] = in_use(machine)
    [rotate] = blocks("In a file, or in a module")
    assert "re-encrypted" in machine.run(rotate)
    [name] = in_use(machine)
    assert name != before
    in_good_order(machine)
