"""The units of systemd are ones, and shut in what they start. The proxy finds the sockets of nodes."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.deployment.operating_page import PAGE

pytestmark = pytest.mark.once

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
_WORST = 1.5
"""Of 10; systemd calls it OK up to 4.9."""
_LOAD = (
    "import ctypes; libc = ctypes.CDLL(None, use_errno=True); "
    "assert libc.prctl(65, 1, 0, 0, 0) == 0, ctypes.get_errno(); "
    "import uvloop, httptools, psycopg, typst; from cryptography.hazmat.primitives.ciphers.aead import AESGCM; "
    "import asyncio, deldokument.cli.main as main; main.worker_command; "
    "from deldokument.bootstrap.tune import keep_freed_memory; keep_freed_memory(); "
    "AESGCM(bytes(32)).encrypt(bytes(12), bytes(1 << 20), None); uvloop.run(asyncio.sleep(0))"
)


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.fail("no systemd-analyze: apt-get install systemd (make test does it)", pytrace=False)
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_understood_and_leaves_little_open(unit: Path, tmp_path: Path) -> None:
    text, count = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text("utf-8"))
    assert count == 1
    here = tmp_path / unit.name
    here.write_text(text)
    verified = _analyze("verify", "--man=no", str(here))
    assert (verified.returncode, verified.stderr) == (0, "")
    secure = _analyze("security", "--offline=true", f"--threshold={int(_WORST * 10)}", "--no-pager", str(here))
    assert secure.returncode == 0, secure.stdout


def test_in_the_compose_file_the_proxy_connects_to_the_socket_of_each_node() -> None:
    prepare = (DEPLOY / "compose" / "prepare").read_text("utf-8")
    [line] = re.findall(r"^sed .*\n.*\.\./nginx\.conf\"", prepare, re.M)
    result = subprocess.run(
        ["bash", "-euc", f"host=del.kommune.example here={DEPLOY / 'compose'}; {line}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    paths = [compose[node]["environment"]["DELDOKUMENT_SOCKET_PATH"] for node in ("serve-1", "serve-2")]
    assert re.findall(r"^ *server (\S+) max_fails", result, re.M) == [f"unix:{path}" for path in paths]
    for service in ("serve-1", "proxy"):
        assert any(volume.startswith("./run/serve:/run/serve") for volume in compose[service]["volumes"])


@pytest.mark.parametrize("file", ["compose.yaml", "compose/keyring-postgresql.yaml", "compose/keyring-openbao.yaml"])
def test_no_container_of_a_compose_file_has_root_a_capability_or_a_writable_root_filesystem(file: str) -> None:
    services = yaml.safe_load((DEPLOY / file).read_text("utf-8"))["services"]
    assert services
    for name, service in services.items():
        # The image of the program has a user.
        assert "user" in service or service["image"].startswith("localhost/deldokument:"), name
        assert (service["read_only"], service["cap_drop"]) == (True, ["all"]), name
        assert service["security_opt"] == ["no-new-privileges"], name
        assert service["ulimits"] == {"core": 0}, name


def test_the_socket_is_the_proxys_alone_and_stops_with_the_service(tmp_path: Path) -> None:
    socket, proxy = (DEPLOY / "deldokument-serve.socket").read_text(), (DEPLOY / "nginx.conf").read_text()
    [path] = re.findall(r"^ListenStream=(.+)$", socket, re.M)
    assert f"server unix:{path} " in proxy
    assert {"SocketUser=root", "SocketGroup=www-data", "SocketMode=0660"} <= set(socket.splitlines())
    (tmp_path / "deldokument-serve.socket").write_text(socket)
    (tmp_path / "deldokument-serve.service").write_text(f"[Service]\nExecStart={sys.executable}\n")
    verified = _analyze("verify", "--man=no", str(tmp_path / "deldokument-serve.socket"))
    assert (verified.returncode, verified.stderr) == (0, "")
    # A request to the socket would start the service again.
    stops = re.findall(r"^ *systemctl stop .*deldokument-serve.*$", PAGE, re.M)
    assert stops
    assert all("deldokument-serve.socket" in stop for stop in stops)


def test_there_is_a_unit_for_each_kind_of_process() -> None:
    commands = {re.search(r"^ExecStart=.*/deldokument (.*)$", unit.read_text(), re.M)[1] for unit in UNITS}  # type: ignore[index]
    assert commands == {"serve", "worker"}


def test_the_program_runs_where_no_memory_may_become_code() -> None:
    """What MemoryDenyWriteExecute=yes forbids, asked of the kernel itself."""
    if ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) < 0:
        # Kernels before 6.3 cannot be asked; there systemd filters calls instead.
        assert os.uname().release < "6.3"
        return
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
