"""The simulated mail server as a real process, for any suite, and a mail server that says just what a test tells it to.

with start_mail() as mail:
    SmtpMail(SmtpServer("127.0.0.1", mail.port, "none", SENDER), ...)
"""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.deployment.simulators import running_simulator
from tests.support.servers.ports import NO_TLS

SENDER = "ikke-svar@del.example"


@dataclass(frozen=True, slots=True)
class RunningMail:
    """Where the simulator takes letters, and where it shows them."""

    url: str
    port: int

    def letters(self) -> list[dict[str, Any]]:
        """Those that have been taken, in order."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/letters", **NO_TLS).raise_for_status().json()
        return found

    def to(self, address: str) -> list[dict[str, Any]]:
        """Those for one address."""
        return [letter for letter in self.letters() if letter["to"] == address]

    def fail(self, mode: str, **order: Any) -> None:
        """See simulators.smtp.Mode; ``ok`` ends it."""
        httpx.post(f"{self.url}/_simulator/mode", json={"mode": mode, **order}, **NO_TLS).raise_for_status()


@contextmanager
def start_mail(*options: str) -> Iterator[RunningMail]:
    """The simulator on free ports."""
    with TemporaryDirectory() as folder, running_simulator(Path(folder), "smtp", list(options)) as url:
        yield RunningMail(url, httpx.get(f"{url}/server", **NO_TLS).raise_for_status().json()["port"])


def make_certificate(folder: Path, valid: timedelta = timedelta(days=1)) -> tuple[Path, Path]:
    """A certificate for this machine that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + valid)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "mail.pem", folder / "mail.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@contextmanager
def odd_mail_server(answers: Sequence[bytes], then: Callable[[socket.socket], None] | None = None) -> Iterator[int]:
    """A server that gives one answer to each line it gets, the first unasked, and then hangs up; its port.

    ``then`` is done with the connection before it hangs up.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            # Without this, a peer that left while its window was closed is not noticed before the kernel's timers
            # expire.
            connection.settimeout(10)
            with connection, connection.makefile("rb") as lines:
                connection.sendall(answers[0])
                for answer in answers[1:]:
                    if not lines.readline():
                        return
                    connection.sendall(answer)
                if then:
                    then(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(30)
            assert not thread.is_alive()
