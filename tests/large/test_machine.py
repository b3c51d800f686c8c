"""The operator's page on a bare Debian machine, every command as it stands there.

systemd, PostgreSQL, nginx, pip and Debian's archive are the real ones, the wheel is made as the page says; only the
registers are simulated, on this machine. It takes a root, and minutes.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from support.operating import ANNE, BLOCKS, ROOT, blocks, register, settings, typed
from support.server import wait_until
from support.simulators import Running, log_in, start_simulators

from tests.support.machine import Machine, booted

pytestmark = [pytest.mark.large, pytest.mark.timeout(1800)]
HOST = "del.example"
UNITS = ("deldokument-serve", "deldokument-worker")
TLS = f"""
install -d -m 0700 /etc/deldokument/tls
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={HOST} -addext subjectAltName=DNS:{HOST} \
  -keyout /etc/deldokument/tls/{HOST}.key -out /etc/deldokument/tls/{HOST}.pem 2>/dev/null
"""


@pytest.fixture(scope="module")
def registers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    url = f"https://{HOST}"
    with start_simulators(
        tmp_path_factory.mktemp("registers"),
        redirect_uri=f"{url}/logg-inn/svar",
        post_logout_redirect_uri=f"{url}/logget-ut",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, registers: Running) -> Iterator[Machine]:
    """A machine on which all of the page has been done."""
    if os.geteuid() != 0:
        pytest.fail("only root makes machines", pytrace=False)
    folder = tmp_path_factory.mktemp("machine")
    make_wheel, *blocks = BLOCKS
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(source)], check=True)
    subprocess.run(["bash", "-euo", "pipefail", "-c", make_wheel], cwd=source, check=True)
    with booted(folder) as new:
        for name in ("dist", "deploy"):
            shutil.copytree(source / name, new.root / "root" / name)
        for block in blocks:
            if "del keys create-client" in block:
                env = new.root / "etc/deldokument/env"
                env.write_text(settings(env.read_text(), registers, {"PUBLIC_URL": f"https://{HOST}"}))
            if "nginx -t" in block:
                new.run(TLS)
            new.run(typed(block))
            if "del keys create-client" in block:
                register(registers, "/etc/deldokument/keys", new.run)
        yield new


@pytest.fixture
def browser(machine: Machine) -> Iterator[httpx.Client]:
    """By TLS through the machine's nginx, as a browser that finds the host there."""
    trusted = ssl.create_default_context(cafile=machine.root / f"etc/deldokument/tls/{HOST}.pem")
    with httpx.Client(base_url="https://127.0.0.1", headers={"Host": HOST}, verify=trusted, timeout=60) as client:

        def ask_by_name(request: httpx.Request) -> None:
            request.extensions["sni_hostname"] = HOST

        client.event_hooks["request"] = [ask_by_name]
        yield client


def shown(machine: Machine, unit: str, name: str) -> str:
    return machine.run(f"systemctl show --property={name} --value {unit}").strip()


def test_the_units_run_and_the_first_operator_logs_in_through_nginx(machine: Machine, browser: httpx.Client) -> None:
    assert [shown(machine, unit, "ActiveState") for unit in UNITS] == ["active", "active"]
    wait_until(lambda: browser.get("/helse/klar").status_code == 200, 30, "it serves nobody")
    with httpx.Client(timeout=60) as elsewhere:
        begun = browser.get("/logg-inn?neste=/drift").headers["location"]
        back = log_in(elsewhere, begun, person="Tora Vik").removeprefix(f"https://{HOST}")
        answer = browser.get(back)
    assert answer.headers["location"] == "/drift"
    assert "Eksempel kommune".casefold() in browser.get("/drift").text.casefold()


def test_the_doctor_finds_nothing_to_mend(machine: Machine) -> None:
    machine.run("del doctor")


def test_a_unit_that_is_killed_is_there_again(machine: Machine, browser: httpx.Client) -> None:
    before = shown(machine, UNITS[0], "MainPID")
    machine.run(f"systemctl kill --kill-whom=all --signal=KILL {UNITS[0]}")
    wait_until(lambda: shown(machine, UNITS[0], "MainPID") not in ("0", before), 30, "it was not started again")
    wait_until(lambda: browser.get("/helse/klar").status_code == 200, 30, "it serves nobody")


def test_what_the_units_are_shut_in_reaches_nothing_else(machine: Machine) -> None:
    """By the process itself: what systemd has done, not what the file says."""
    worker = shown(machine, UNITS[1], "MainPID")
    machine.run("touch /home/seen")
    for forbidden in ("touch /etc/x", "touch /usr/x", "cat /home/seen"):
        machine.run(f"if nsenter --target {worker} --mount -- {forbidden}; then exit 1; fi")
    machine.run(f"nsenter --target {worker} --mount -- touch /var/lib/deldokument/x")
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
    back_up, restore = blocks("Backup")
    machine.run(back_up)
    machine.run(f'del operator add "Per Ny" <<< {ANNE}')
    assert "Per Ny" in machine.run("del operator list")
    machine.run(restore)
    assert "Per Ny" not in machine.run("del operator list")
    assert "310240001" in machine.run("del tenant list --json")
    wait_until(lambda: browser.get("/helse/klar").status_code == 200, 30, "it serves nobody")
    machine.run("del doctor")


def test_an_upgrade_turns_the_link(machine: Machine, browser: httpx.Client) -> None:
    """To the same program in another environment: what is tried is the page."""
    for block in blocks("Upgrading"):
        machine.run(block)
    assert machine.run("readlink /opt/deldokument").strip() == "/opt/deldokument-0.3.0"
    assert browser.get("/helse/klar").status_code == 200
    machine.run("del doctor")


def test_a_stop_lets_what_is_under_way_end_and_nothing_is_told_as_an_error(machine: Machine) -> None:
    began, since = time.monotonic(), f"@{time.time():.6f}"
    machine.run(f"systemctl stop {' '.join(UNITS)}")
    assert time.monotonic() - began < 45
    assert [shown(machine, unit, "Result") for unit in UNITS] == ["success", "success"]
    told = " ".join(f"--unit={unit}" for unit in UNITS)
    journal = machine.run(f"journalctl --no-pager --output=cat --since={since} {told}")
    machine.run(f"systemctl start {' '.join(UNITS)}")
    assert "Finished server process" in journal
    assert [word for word in ("ERROR", "Traceback") if word in journal] == [], journal
