"""The operator's page on a bare Debian machine, every command as written there.

systemd, PostgreSQL, nginx, pip and Debian's archive are the real ones. The wheel is built as the page says. Only the
registers are simulated, on this machine. Takes root, and minutes.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deldokument.web.management import READY
from tests.support.deployment.deployment import wait_until
from tests.support.deployment.machine import Machine, booted
from tests.support.deployment.machine_setup import KEYS, UNITS, begin, browsing, deliver, enter, serves, shown
from tests.support.deployment.operating_page import ANNE, blocks
from tests.support.deployment.simulators import Running

pytestmark = [pytest.mark.large, pytest.mark.timeout(1800)]
_LONG_AGO = "UPDATE deployment SET heartbeat_at = heartbeat_at - 7200000000"
_RESTORED = "pg_restore --exit-on-error --dbname deldokument < deldokument.dump"


@pytest.fixture(scope="module")
def machine(
    tmp_path_factory: pytest.TempPathFactory, disk: Path, delivered: Path, registers: Running
) -> Iterator[Machine]:
    """A machine on which all of the page's first section has been done."""
    with booted(tmp_path_factory.mktemp("machine"), disk) as new:
        deliver(delivered, new)
        begin(new, registers)
        yield new


@pytest.fixture
def browser(machine: Machine) -> Iterator[httpx.Client]:
    """Somebody's, who has not logged in."""
    with browsing(machine) as client:
        yield client


def test_the_units_run_and_the_first_operator_logs_in_through_nginx(machine: Machine, browser: httpx.Client) -> None:
    assert [shown(machine, unit, "ActiveState") for unit in UNITS] == ["active", "active"]
    serves(browser)
    assert "Eksempel kommune".casefold() in enter(browser, "Tora Vik", "/drift").text.casefold()


def test_the_doctor_finds_nothing_to_mend(machine: Machine) -> None:
    machine.run("del doctor")


def test_a_unit_that_is_killed_is_there_again(machine: Machine, browser: httpx.Client) -> None:
    before = shown(machine, UNITS[0], "MainPID")
    machine.run(f"systemctl kill --kill-whom=all --signal=KILL {UNITS[0]}")
    wait_until(lambda: shown(machine, UNITS[0], "MainPID") not in ("0", before), 30, "it was not started again")
    serves(browser)


def test_what_the_units_are_shut_in_reaches_nothing_else(machine: Machine) -> None:
    """By the process itself: what systemd has done, not what the file says."""
    worker = shown(machine, UNITS[1], "MainPID")
    machine.run("touch /home/seen")
    for forbidden in ("touch /etc/x", "touch /usr/x", "touch /opt/x", "cat /home/seen"):
        machine.run(f"if nsenter --target {worker} --mount -- {forbidden}; then exit 1; fi")
    written = "/var/lib/deldokument/x"
    machine.run(f"nsenter --target {worker} --mount -- cp /usr/bin/true {written}")
    machine.run(f"if nsenter --target {worker} --mount -- {written}; then exit 1; fi")
    status = machine.run(f"cat /proc/{worker}/status")
    facts = dict(line.split(":", 1) for line in status.splitlines())
    assert facts["CapBnd"].strip() == "0" * 16
    assert facts["NoNewPrivs"].strip() == "1"
    assert facts["Seccomp"].strip() == "2"
    assert facts["Uid"].split()[0] == machine.run("id -u deldokument").strip()


def test_the_worker_goes_after_those_who_wait_for_an_answer(machine: Machine) -> None:
    def niceness() -> str:
        return machine.run(f"cut --delimiter=' ' --fields=19 /proc/{shown(machine, UNITS[1], 'MainPID')}/stat").strip()

    wait_until(lambda: niceness() == "10", 30, "the worker does not step back")


def test_the_database_comes_back_from_its_backup(machine: Machine, browser: httpx.Client) -> None:
    back_up, restore, go_on, _ = blocks("Backup")
    machine.run(back_up)
    machine.run(f'del operator add "Per Ny" <<< {ANNE}')
    assert "Per Ny" in machine.run("del operator list")
    machine.run(restore)
    machine.run(go_on)
    assert "Per Ny" not in machine.run("del operator list")
    assert "310240001" in machine.run("del tenant list --json")
    serves(browser)
    wait_until(lambda: "CRITICAL" not in machine.run("del doctor || true"), 30, "no worker")


def test_after_a_backup_of_long_ago_nothing_is_destroyed_until_the_clock_is_confirmed(machine: Machine) -> None:
    back_up, restore, _, confirm = blocks("Backup")
    machine.run(back_up)
    grow_old = f"{_RESTORED}\nrunuser -u postgres -- psql --quiet deldokument <<< '{_LONG_AGO}'"
    assert _RESTORED in restore
    machine.run(restore.replace(_RESTORED, grow_old))
    wait_until(lambda: halted(machine), 30, "what was restored is believed")
    journal = machine.run(f"journalctl --no-pager --output=cat --unit={UNITS[1]}")
    assert "destruction_halted" in journal
    machine.run(confirm.replace("del worker", "timeout --preserve-status --signal=INT 10 del worker"))
    machine.run("del doctor")
    assert not halted(machine)


def halted(machine: Machine) -> bool:
    return "HALTED" in machine.run("del doctor 2>&1 || true")


def test_a_client_key_is_rotated_and_people_log_in_throughout(machine: Machine, registers: Running) -> None:
    second, first, last = blocks("Clients at ID-porten and Maskinporten")
    path = f"{KEYS}/idporten.json"
    old = machine.run(f"del keys public {path}")
    registered = registers.clients.parent / "idporten.json"
    for block in (second, first, last):
        assert path in block
        registered.write_text(printed := machine.run(block))
        with browsing(machine) as browser:
            serves(browser)
            enter(browser, "Tora Vik", "/drift")
    assert machine.run(f"stat --format='%U %a' {path}").split() == ["deldokument", "600"]
    assert json.loads(printed)["keys"] != json.loads(old)["keys"]
    assert len(json.loads(printed)["keys"]) == 1


def test_an_upgrade_turns_the_link(machine: Machine, browser: httpx.Client) -> None:
    """To the same program in another environment: this tests the page."""
    for block in blocks("Upgrading"):
        machine.run(block)
    assert machine.run("readlink /opt/deldokument").strip() == "/opt/deldokument-1.0.0"
    serves(browser)
    assert browser.get(READY).status_code == 404
    wait_until(lambda: "CRITICAL" not in machine.run("del doctor || true"), 30, "no worker")


def test_a_stop_lets_requests_end_and_logs_no_error(machine: Machine) -> None:
    began, since = time.monotonic(), f"@{time.time():.6f}"
    machine.run(f"systemctl stop {' '.join(UNITS)}")
    assert time.monotonic() - began < 45
    assert [shown(machine, unit, "Result") for unit in UNITS] == ["success", "success"]
    units = " ".join(f"--unit={unit}" for unit in UNITS)
    journal = machine.run(f"journalctl --no-pager --output=cat --since={since} {units}")
    machine.run(f"systemctl start {' '.join(UNITS)}")
    assert "Finished server process" in journal
    assert [word for word in ("ERROR", "Traceback") if word in journal] == [], journal
