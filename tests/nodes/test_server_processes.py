"""`deldokument serve --workers N`: children at one port, kept by a parent, ended together, replaced when they die."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from deldokument.web.management import LIVE, READY
from deldokument.web.metrics import PATH as METRICS
from tests.support.deployment.deployment import OFFSET_TYPE, OLA, OLA_NUMBER, Deployment, Ticket, wait_until
from tests.support.deployment.memory import folder_in_memory
from tests.support.servers.ports import free_ports, listening_at
from tests.support.stage.inspection import inspect_documents

# Two nodes, their registers and a database start before the first of them.
pytestmark = pytest.mark.timeout(400)

_SECONDS = 90.0
TOKEN = "a token of the monitoring"
SPELLINGS = (
    *(LIVE, READY, METRICS), f"/{LIVE}", f"/{READY}", f"/{METRICS}", f"{READY}/", f"{READY}?x", "/helse//klar",
    "/helse/./klar", "/x/../helse/klar", "/helse%2Fklar", "/HELSE/KLAR", "/helse/klar%00", "/helse", "/metrics",
)  # fmt: skip
_DATE = re.compile(rb"(?im)^date: .*$")


def children(process: subprocess.Popen[bytes]) -> list[int]:
    return [int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def are_gone(pids: list[int]) -> bool:
    return all(map(is_gone, pids))


def answers(url: str) -> bool:
    """Whether a process serves people, and its management listener says so."""
    try:
        asked = f"{url}/robots.txt", f"{Deployment.management(url)}{READY}"
        return {httpx.get(one, timeout=30).status_code for one in asked} == {200}
    except httpx.TransportError:
        return False


def refuses(url: str) -> bool:
    """Whether a new connection is refused."""
    try:
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=_SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False


def asked(url: str, line: str, host: str = "x", **headers: str) -> bytes:
    """The whole answer to a request that is sent as it is written."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=_SECONDS) as connection:
        lines = [f"{line} HTTP/1.1", f"Host: {host}", "Connection: close", *(f"{n}: {v}" for n, v in headers.items())]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def running() -> Iterator[Deployment]:
    # As delivered, a server waits ten seconds for a client that takes nothing.
    constants = {"deldokument.server.listeners.UNDER_WAY_SECONDS": 4}
    with folder_in_memory() as folder, Deployment(folder, worker=False, constants=constants) as deployment:
        yield deployment


def test_a_process_that_is_killed_is_replaced_and_the_others_serve_on(running: Deployment) -> None:
    with running.node_beside("serve --workers 2") as (url, parent):
        wait_until(lambda: len(children(parent)) == 2, _SECONDS, "not two processes")
        killed, other = children(parent)
        os.kill(killed, signal.SIGKILL)
        assert answers(url)
        wait_until(lambda: len(children(parent)) == 2 and killed not in children(parent), _SECONDS, "not replaced")
        assert other in children(parent)
        # The new one serves, too.
        os.kill(other, signal.SIGSTOP)
        wait_until(lambda: answers(url), _SECONDS, "the replacement does not answer")
        os.kill(other, signal.SIGCONT)


def counted(url: str, path: str) -> float:
    """The requests of a route that any process of the node reports."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    text = httpx.get(f"{Deployment.management(url)}{METRICS}", headers=headers, timeout=_SECONDS).text
    found = re.findall(rf'^deldokument_http_requests_total{{route="{path}",status="2xx"}} (.*)$', text, re.M)
    return sum(map(float, found))


def test_every_process_reports_the_requests_of_all_also_of_one_that_has_died(running: Deployment) -> None:
    with running.node_beside("serve --workers 2", DELDOKUMENT_METRICS_TOKEN=TOKEN) as (url, parent):
        wait_until(lambda: len(children(parent)) == 2, _SECONDS, "not two processes")
        for stopped in children(parent):
            # The other one answers.
            os.kill(stopped, signal.SIGSTOP)
            before = counted(url, "/robots.txt")
            assert httpx.get(f"{url}/robots.txt", timeout=_SECONDS).status_code == 200
            assert counted(url, "/robots.txt") == before + 1
            os.kill(stopped, signal.SIGCONT)
        total = counted(url, "/robots.txt")
        killed = children(parent)[0]
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(children(parent)) == 2 and killed not in children(parent), _SECONDS, "not replaced")
        assert counted(url, "/robots.txt") == total >= 2


def test_a_signal_to_end_lets_what_is_under_way_come_to_its_end(running: Deployment) -> None:
    ticket = running.announce(running.draft(), "a.bin", 1000)
    with running.node_beside("serve --workers 2") as (url, parent):
        with begun_upload(running, ticket, url) as connection:
            parent.send_signal(signal.SIGTERM)
            connection.sendall(bytes(1000))
            assert b"204 No Content" in connection.recv(4096)
        assert parent.wait(_SECONDS) == 0
    assert refuses(url)


@pytest.mark.parametrize("command", ["serve", "serve --workers 2"])
def test_a_signal_to_end_loses_no_receipt_of_a_download_that_it_cuts_off(running: Deployment, command: str) -> None:
    draft_id, length = running.draft(), 20_000_000
    running.add_recipients(draft_id, [OLA_NUMBER])
    document_id = running.upload(draft_id, "stor.bin", bytes(length))
    running.publish_uninspected(draft_id)
    inspect_documents(running.node.deps)
    cookies = "; ".join(f"{name}={value}" for name, value in running.session(OLA).cookies.items())
    with running.node_beside(command) as (url, process), socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.settimeout(_SECONDS)
        connection.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        head = f"GET /d/{draft_id}/dokument/{document_id} HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\n\r\n"
        connection.sendall(head.encode())
        got = 0
        while got < 2_000_000:
            got += len(connection.recv(65536))
        logged_before = len(running.log_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(_SECONDS) == 0
    with running.node.deps.database.read() as tx:
        [receipt] = tx.receipts.of_shares([draft_id])
    assert receipt.document_id == document_id
    assert receipt.completed_at is None
    assert "Traceback" not in running.log_text()[logged_before:], running.log_text()[logged_before:]


@pytest.mark.parametrize("command", ["serve", "serve --workers 2"])
def test_a_signal_to_end_that_comes_again_and_again_is_heeded_once(running: Deployment, command: str) -> None:
    """systemd tells every process of a unit, and a parent its children besides."""
    with running.node_beside(command) as (url, process):
        assert answers(url)
        logged_before = len(running.log_text())
        family = [process.pid, *children(process)]
        while process.poll() is None:
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(0.001)
        assert process.returncode == 0
    assert "Traceback" not in running.log_text()[logged_before:], running.log_text()[logged_before:]


def test_a_signal_to_end_closes_the_listeners_while_requests_are_running(running: Deployment) -> None:
    ticket = running.announce(running.draft(), "a.bin", 1000)
    with running.node_beside("serve --workers 2") as (url, parent), begun_upload(running, ticket, url):
        parent.send_signal(signal.SIGTERM)
        for place in (url, Deployment.management(url)):
            wait_until(partial(refuses, place), _SECONDS, f"{place} is not closed")
        assert children(parent), "only when all had ended"


@pytest.mark.parametrize("command", ["serve", "serve --workers 2"])
def test_an_upload_that_a_signal_to_end_cuts_off_is_answered_503_and_no_fault_is_logged(
    running: Deployment, command: str
) -> None:
    ticket = running.announce(running.draft(), "a.bin", 1000)
    logged_before = len(running.log_text())
    with running.node_beside(command) as (url, process), begun_upload(running, ticket, url) as connection:
        process.send_signal(signal.SIGTERM)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"x-content-type-options: nosniff" in answer.lower()
    assert "Traceback" not in running.log_text()[logged_before:]


@contextmanager
def begun_upload(running: Deployment, ticket: Ticket, url: str) -> Iterator[socket.socket]:
    """The connection of an upload whose body is still to come."""
    path = running.create_upload(ticket)
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=_SECONDS) as connection:
        headers = ticket.headers | {"Upload-Offset": "0", "Content-Type": OFFSET_TYPE, "Expect": "100-continue"}
        lines = [f"PATCH {path} HTTP/1.1", "Host: x", "Content-Length: 1000"]
        connection.sendall("\r\n".join([*lines, *(f"{n}: {v}" for n, v in headers.items()), "", ""]).encode())
        assert b"100 Continue" in connection.recv(4096)
        yield connection


def test_a_worker_lets_those_go_first_who_wait_for_a_page(running: Deployment) -> None:
    running.start_worker()
    try:
        worker = running._worker
        assert worker is not None
        own = os.getpriority(os.PRIO_PROCESS, 0)
        wait_until(lambda: os.getpriority(os.PRIO_PROCESS, worker.pid) > own, _SECONDS, "it is as urgent as a server")
        assert os.getpriority(os.PRIO_PROCESS, running.server.pid) == own
    finally:
        running.stop_worker()


def test_the_processes_end_with_their_parent_even_if_it_is_killed(running: Deployment) -> None:
    with running.node_beside("serve --workers 2") as (url, parent):
        wait_until(lambda: len(children(parent)) == 2, _SECONDS, "not two processes")
        left = children(parent)
        parent.kill()
        wait_until(partial(are_gone, left), _SECONDS, "orphans go on serving")
        assert refuses(url)
        assert refuses(running.management(url))


@pytest.mark.parametrize("command", ["serve", "serve --workers 2"])
def test_health_and_metrics_are_on_the_management_listener_alone(running: Deployment, command: str) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with running.node_beside(command, DELDOKUMENT_METRICS_TOKEN=TOKEN) as (url, _):
        management = running.management(url)
        for spelled in SPELLINGS:
            for method in ("GET", "HEAD", "POST"):
                for host in ("x", urlsplit(url).netloc, urlsplit(management).netloc):
                    assert asked(url, f"{method} {spelled}", host, **bearer).split()[1] == b"404", (method, spelled)
        for path in (LIVE, READY, METRICS):
            unknown = path[:-1] + "x"
            known, said = (asked(url, f"GET {one}", **bearer).replace(one.encode(), b"") for one in (path, unknown))
            assert re.sub(_DATE, b"", known) == re.sub(_DATE, b"", said)
            assert asked(management, f"GET {path}", **bearer).split()[1] == b"200"
            assert asked(management, f"HEAD {path}", **bearer).split()[1] == b"200"
        assert asked(management, f"GET {METRICS}").split()[1] == b"404"
        assert asked(management, "GET /").split()[1] == b"404"


@pytest.mark.parametrize("command", ["serve", "serve --workers 2"])
def test_the_management_listener_is_loopback_wherever_people_are_served(running: Deployment, command: str) -> None:
    everywhere = {"DELDOKUMENT_DEMO": "false", "DELDOKUMENT_HOST": "0.0.0.0"}
    with running.node_beside(command, **everywhere) as (url, _):
        port = int(url.rpartition(":")[2])
        assert (listening_at(port), listening_at(port + 1)) == ({"0.0.0.0"}, {"127.0.0.1"})


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("name", "step"), [("PORT", 0), ("MANAGEMENT_PORT", 1)])
def test_a_listener_that_is_taken_is_named_by_its_setting(
    running: Deployment, name: str, step: int, workers: int
) -> None:
    [port] = free_ports(1, 1)
    environment = running.environment() | {"DELDOKUMENT_PORT": str(port)}
    command = [sys.executable, "-m", "deldokument.cli.entry", "serve", "--workers", str(workers)]
    with socket.create_server(("127.0.0.1", port + step)):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 1
    assert f"DELDOKUMENT_{name}={port + step}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "serve --workers 2"])
def test_at_the_path_of_a_socket_people_are_served_there_and_at_no_port(
    running: Deployment, tmp_path: Path, command: str
) -> None:
    path = tmp_path / "serve.sock"
    # The first one leaves its socket behind.
    for _ in range(2):
        with running.node_beside(command, DELDOKUMENT_SOCKET_PATH=str(path)) as (url, parent):
            port = int(url.rpartition(":")[2])
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=_SECONDS) as client:
                assert client.get(f"{running.url}/robots.txt").status_code == 200
            assert (listening_at(port), listening_at(port + 1)) == (set(), {"127.0.0.1"})
            family = [parent.pid, *children(parent)]
            parent.kill()
            wait_until(partial(are_gone, family), _SECONDS, "a process outlives its parent")


def test_a_path_that_is_taken_is_named_by_its_setting(running: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    environment = running.environment() | {"DELDOKUMENT_SOCKET_PATH": str(path)}
    command = [sys.executable, "-m", "deldokument.cli.entry", "serve"]
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 1
    assert f"cannot listen at DELDOKUMENT_SOCKET_PATH={path}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_processes_that_cannot_start_end_the_parent_with_an_error(running: Deployment, tmp_path: Path) -> None:
    [port] = free_ports(1, 1)
    own = {"DELDOKUMENT_DATABASE_URL": f"sqlite:///{tmp_path / 'new.sqlite3'}", "DELDOKUMENT_PORT": str(port)}
    environment = running.environment() | own
    command = [sys.executable, "-m", "deldokument.cli.entry", "serve", "--workers", "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 1
    assert "run `deldokument migrate`" in done.stderr
    assert "no process is left: all have died or cannot start" in done.stderr
    assert "Traceback" not in done.stderr
