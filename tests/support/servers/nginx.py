"""The delivered proxy as a process: deploy/nginx.conf itself, with addresses and paths that a test can have.

with proxy(folder, ["127.0.0.1:8000"]) as front:
    front.curl("/robots.txt")
"""

import datetime as dt
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.servers.ports import free_ports

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = ROOT / "deploy" / "nginx.conf"
HOST = "del.example"
_SECONDS = 60.0
_MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # So that a test can come from any address.
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Test-Address;
    include {folder}/site.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """Where the proxy answers, and how it is believed."""

    folder: Path
    plain: int
    secure: int

    def curl(self, path: str, *options: str, host: str = HOST) -> subprocess.CompletedProcess[bytes]:
        """What curl gets for a path, by HTTP/2 if it is offered."""
        where = ["--resolve", f"{host}:{self.secure}:127.0.0.1", "--cacert", str(self.folder / "front.pem")]
        line = ["curl", "-sS", "--max-time", "60", *where, *options, f"https://{host}:{self.secure}{path}"]
        return subprocess.run(line, capture_output=True, check=False)

    def connect(self, *, receive_buffer: int | None = None) -> ssl.SSLSocket:
        """A connection of HTTP/1.1, to be written to by hand; ``receive_buffer``: the bytes that it may hold unread."""
        context = ssl.create_default_context(cafile=str(self.folder / "front.pem"))
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(_SECONDS)
        plain.connect(("127.0.0.1", self.secure))
        return context.wrap_socket(plain, server_hostname=HOST)


@contextmanager
def proxy(folder: Path, nodes: Sequence[str], text: str | None = None) -> Iterator[Front]:
    """nginx before the nodes, until the block is left.

    ``nodes``: host and port of each, or unix: and a path; ``text``: see _site.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        pytest.fail("no nginx: apt-get install nginx-light (make test does it)", pytrace=False)
    folder.mkdir(parents=True, exist_ok=True)
    front = Front(folder, *free_ports(2))
    _write_certificate(folder)
    (folder / "site.conf").write_text(_site(front, nodes, text), "utf-8")
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))
    line = [program, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    checked = subprocess.run([*line, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    with subprocess.Popen(line) as process:
        try:
            _wait(front.secure)
            yield front
        finally:
            process.terminate()


def _site(front: Front, nodes: Sequence[str], text: str | None) -> str:
    """The delivered file, or a test's variant of it, with other addresses; everything else stays as it is."""
    text = text or CONFIGURATION.read_text("utf-8")
    servers = "\n".join(f"    server {node} max_fails=2 fail_timeout=5s;" for node in nodes)
    for pattern, new in (
        (r"    server unix:/run/deldokument/serve\.sock max_fails=2 fail_timeout=5s;", servers),
        (r"    listen \[::\]:.*\n", ""),
        (r"listen 443 ", f"listen 127.0.0.1:{front.secure} "),
        (r"listen 80 ", f"listen 127.0.0.1:{front.plain} "),
        (r"/etc/deldokument/tls/del\.example", str(front.folder / "front")),
        (r"/var/log/nginx/deldokument\.log", str(front.folder / "site.log")),
    ):
        text, count = re.subn(pattern, new, text)
        assert count, pattern
    return text


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "front.key").write_bytes(key.private_bytes(*form))
    (folder / "front.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _wait(port: int) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            assert time.monotonic() < until, "nginx did not start"
            time.sleep(0.05)
        else:
            return
