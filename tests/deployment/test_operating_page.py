"""The operator's page is followed as written, from the wheel to the first tenant, in an empty folder.

Differences from the page:

- The folders of the system lie below the test's own.
- The registers are the simulated ones.
- Stand-ins replace Debian's archive, root, systemd and the system's nginx and PostgreSQL, or only note the call.
- The wheel uses the packages of the tests.
"""

import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from deldokument import __version__
from tests.support.deployment.deployment import wait_until
from tests.support.deployment.operating_page import BLOCKS, ROOT, answers, register, settings, typed
from tests.support.deployment.simulators import Running, log_in, start_simulators
from tests.support.servers.ports import free_ports
from tests.support.servers.postgres import PROGRAMS, PostgresServer

pytestmark = pytest.mark.once

_SECONDS = 240
_FOLDERS = (
    "/opt/deldokument",
    "/run/deldokument",
    "/etc/deldokument",
    "/var/lib/deldokument",
    "/etc/systemd/system",
    "/etc/nginx",
    "/etc/postgresql",
    "/etc/sysctl.d",
    "/usr/local/sbin",
)
_OF_DEBIAN = (
    "etc/systemd/system",
    "etc/nginx/conf.d",
    "etc/postgresql/17/main/conf.d",
    "etc/sysctl.d",
    "usr/local/sbin",
    "run",
)
# Each notes what it was asked, and does what is said here.
_STANDINS = {
    "make": """
        (cd "$SOURCE" && "$PYTHON" -m hatchling build -t wheel -d "$HERE/dist")
        cp "$SOURCE/requirements/product.lock" dist/requirements.txt""",
    "apt-get": ":",
    "adduser": ":",
    "python3": 'exec "$PYTHON" "$@"',
    "runuser": 'shift 3; exec "$@"',
    "chown": ":",
    "psql": 'exec "$POSTGRES/psql" "$@"',
    "createuser": 'exec "$POSTGRES/createuser" "$@"',
    "createdb": 'exec "$POSTGRES/createdb" "$@"',
    "install": """
        words=()
        while (($#)); do case $1 in -g|-o) shift;; *) words+=("$1");; esac; shift; done
        exec /usr/bin/install "${words[@]}\"""",
    "nginx": ":",
    "sysctl": ":",
    "systemctl": """
        if [[ $1 == enable ]]; then
          for unit in "${@:3}"; do
            # Without systemd nobody passes a socket.
            if [[ $unit == *.socket ]]; then continue; fi
            start=$(sed -n 's/^ExecStart=//p' "$HERE/etc/systemd/system/$unit.service")
            settings=$(sed -n 's/^EnvironmentFile=//p' "$HERE/etc/systemd/system/$unit.service")
            secrets=$(sed -n 's/^LoadCredential=DELDOKUMENT://p' "$HERE/etc/systemd/system/$unit.service")
            export CREDENTIALS_DIRECTORY="$HERE/run/credentials-$unit"
            mkdir "$CREDENTIALS_DIRECTORY"
            for file in "$secrets"/*; do
              cp "$file" "$CREDENTIALS_DIRECTORY/DELDOKUMENT_${file##*/}"
            done
            place="s|%d|$CREDENTIALS_DIRECTORY|; s|^Environment=|export |p"
            eval "$(sed -n "$place" "$HERE/etc/systemd/system/$unit.service")"
            (set -a; . "$settings"; exec $start >> "$HERE/log" 2>&1) & echo $! >> "$HERE/started"
          done
        fi""",
}


@dataclass
class Machine:
    """An empty folder that stands for a machine."""

    here: Path
    port: int
    environment: dict[str, str]

    def put(self, text: str) -> str:
        """The text with the folders of this machine, and its ports."""
        for folder in _FOLDERS:
            text = text.replace(folder, f"{self.here}{folder}")
        return text.replace("8000", str(self.port)).replace("8001", str(self.port + 1))

    def run(self, block: str) -> str:
        """What the block writes; it must end well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=self.here, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def asked(self) -> str:
        """What the stand-ins were asked."""
        return (self.here / "asked").read_text()


@pytest.fixture
def machine(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Machine]:
    """A new one. At the end its processes are stopped, and its database is dropped."""
    [port] = free_ports(1, 1)
    standins = tmp_path / "bin"
    standins.mkdir()
    for name, does in _STANDINS.items():
        (standins / name).write_text(f'#!/bin/bash\necho "{name} $*" >> "$HERE/asked"\n{does}\n')
        (standins / name).chmod(0o755)
    new = Machine(
        tmp_path,
        port,
        {
            "PATH": f"{standins}:{tmp_path}/usr/local/sbin:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "HERE": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "PYTHON": sys.executable,
            "SOURCE": str(ROOT),
            "POSTGRES": str(PROGRAMS),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres_server.port),
            "PGUSER": "postgres",
        },
    )
    (tmp_path / "deploy").mkdir()
    for file in filter(Path.is_file, (ROOT / "deploy").iterdir()):
        (tmp_path / "deploy" / file.name).write_text(new.put(file.read_text("utf-8")))
    for name in _OF_DEBIAN:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/postgresql/17/main/pg_hba.conf").write_text("local all postgres peer\nlocal all all peer\n")
    try:
        yield new
    finally:
        started = tmp_path / "started"
        for pid in map(int, started.read_text().split() if started.exists() else []):
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda pid=pid: not _lives(pid), 60, "a process did not end")  # type: ignore[misc]
        postgres_server.execute("DROP DATABASE IF EXISTS deldokument WITH (FORCE)")
        for role in ("deldokument", "deldokument_serve", "deldokument_worker"):
            postgres_server.execute(f"DROP ROLE IF EXISTS {role}")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.large
@pytest.mark.timeout(600)
def test_the_page_leads_from_the_wheel_to_the_first_tenant(
    machine: Machine, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    (tmp_path / "registers").mkdir()
    url = f"http://127.0.0.1:{machine.port}"
    registers = start_simulators(
        tmp_path / "registers",
        redirect_uri=f"{url}/logg-inn/svar",
        post_logout_redirect_uri=f"{url}/logget-ut",
    )
    with registers:
        for block in BLOCKS:
            if "del audit verify" in block:
                wait_until(lambda: _is_well(machine), 120, "the doctor finds something")
            output = machine.run(_adapted(machine, block, answers(registers)))
            if "del keys create-client" in block:
                # The ids of the clients come with their registration; the other commands need them.
                _fill_in(machine, registers)
                register(registers, f"{machine.here}/etc/deldokument/keys", machine.run)
        assert output
        assert (machine.here / "etc/nginx/conf.d/deldokument.conf").exists()
        with httpx.Client(base_url=url, timeout=60) as tora, httpx.Client(timeout=60) as browser:
            begun = tora.get("/logg-inn?neste=/drift").headers["location"]
            assert tora.get(log_in(browser, begun, person="Tora Vik")).headers["location"] == "/drift"
            operations = tora.get("/drift")
            assert "Eksempel kommune".casefold() in operations.text.casefold()
    rules = (machine.here / "etc/postgresql/17/main/pg_hba.conf").read_text().splitlines()
    assert rules == ["local all postgres peer", "local deldokument all scram-sha-256", "local all all peer"]
    assert _logged_in(postgres_server) == {"deldokument_serve", "deldokument_worker"}
    assert list((machine.here / "run").glob("deldokument.*")) == []
    version = machine.run(f"{machine.here}/opt/deldokument/bin/deldokument --version")
    assert version.strip() == __version__
    assert (machine.here / f"opt/deldokument-{__version__}").is_dir()
    for word in (
        "apt-get install",
        "adduser --system",
        "nginx -t",
        "systemctl reload nginx",
        "systemctl daemon-reload",
    ):
        assert word in machine.asked()
    assert "Traceback" not in (machine.here / "log").read_text()


def _is_well(machine: Machine) -> bool:
    """Whether the doctor finds nothing: the worker has begun."""
    return not {"WARNING", "CRITICAL"} & set(re.findall(r"\w+", machine.run("del doctor || true")))


def _logged_in(server: PostgresServer) -> set[str]:
    """The roles that are connected to the service's database."""
    clients = "datname = 'deldokument' AND backend_type = 'client backend'"
    asked = f"SELECT DISTINCT usename FROM pg_stat_activity WHERE {clients}"
    with psycopg.connect(server.url("postgres")) as connection:
        return {name for [name] in connection.execute(asked)}


def _adapted(machine: Machine, block: str, asked: Mapping[str, str]) -> str:
    block = machine.put(block)
    # The packages are those of the tests; the wheel is installed as the page says.
    site = "$(\\1/python -c 'import sysconfig; print(sysconfig.get_path(\"purelib\"))')/packages.pth"
    packages = f"echo {sysconfig.get_path('purelib')} > {site}"
    block, count = re.subn(r"^(\S+/bin)/pip install --require-hashes .*$", packages, block, flags=re.M)
    assert count == ("dist/deldokument-" in block)
    return typed(block, asked)


def _fill_in(machine: Machine, registers: Running) -> None:
    path = machine.here / "etc/deldokument/env"
    own = {
        "PUBLIC_URL": f"http://127.0.0.1:{machine.port}",
    }
    path.write_text(settings(path.read_text(), registers, own))
