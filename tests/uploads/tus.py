"""A tus client that does exactly what a test says, right or wrong: by httpx, and by bare sockets."""

import base64
import hashlib
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.support.deployment.deployment import OFFSET_TYPE, OLA, Deployment, Ticket
from tests.support.servers.ports import NO_TLS
from tests.support.stored_data import names

CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Uploading:
    """One upload that has been created."""

    deployment: Deployment
    ticket: Ticket
    path: str

    @property
    def url(self) -> str:
        return self.deployment.url + self.path

    def headers(self, offset: object, **more: str) -> dict[str, str]:
        """What a PATCH carries; ``more`` with underscores for hyphens."""
        given = {name.replace("_", "-"): value for name, value in more.items()}
        return self.ticket.headers | {"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE} | given

    def patch(
        self,
        offset: object,
        content: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        **more: str,
    ) -> httpx.Response:
        return httpx.patch(
            self.url, headers=self.headers(offset, **more) | dict(headers or {}), content=content, timeout=100, **NO_TLS
        )

    def head(self) -> httpx.Response:
        return httpx.head(self.url, headers=self.ticket.headers, timeout=100, **NO_TLS)

    def offset(self) -> int:
        """What the server acknowledges."""
        answer = self.head()
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    @contextmanager
    def raw(self, offset: int, announced: int, first: bytes = b"", **more: str) -> Iterator[socket.socket]:
        """A PATCH whose head and first bytes have been sent; the rest is the test's."""
        with connected(self.deployment) as connection:
            connection.sendall(self.request_head(offset, announced, **more) + first)
            yield connection

    def request_head(self, offset: int, announced: int, **more: str) -> bytes:
        headers = {"Host": self.deployment.url.removeprefix("http://"), "Content-Length": str(announced)}
        lines = [f"{name}: {value}" for name, value in (headers | self.headers(offset, **more)).items()]
        return "\r\n".join([f"PATCH {self.path} HTTP/1.1", *lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Tus:
    """Kari's client and draft."""

    deployment: Deployment
    draft: str

    def announce(self, length: int, name: str = "vedtak.pdf") -> Ticket:
        return self.deployment.announce(self.draft, name, length)

    def create(self, length: int, name: str = "vedtak.pdf") -> Uploading:
        ticket = self.announce(length, name)
        return Uploading(self.deployment, ticket, self.deployment.create_upload(ticket))

    def post(
        self, ticket: Ticket, length: object, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> httpx.Response:
        given = ticket.headers | {"Upload-Length": str(length)} | dict(headers or {})
        return httpx.post(f"{self.deployment.url}/uploads", headers=given, content=content, timeout=100, **NO_TLS)

    def received(self) -> bytes:
        """What Ola gets of the draft's only document, once it is published."""
        self.deployment.publish(self.draft)
        [path] = self.deployment.document_paths(self.draft)
        answer = self.deployment.session(OLA).get(path)
        assert answer.status_code == 200
        return answer.content


@contextmanager
def connected(deployment: Deployment) -> Iterator[socket.socket]:
    """A connection to the server, by hand."""
    with socket.create_connection(("127.0.0.1", deployment.port), timeout=60) as connection:
        yield connection


def reset(connection: socket.socket) -> None:
    """Break off with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def sends_fail(connection: socket.socket, more: bytes) -> bool:
    """Whether the server takes no more."""
    try:
        connection.sendall(more)
    except ConnectionError:
        return True
    return False


def answer_of(connection: socket.socket) -> bytes:
    """All that the server says until it closes or has said a whole head."""
    said = b""
    while b"\r\n\r\n" not in said:
        more = connection.recv(65536)
        if not more:
            break
        said += more
    return said


def status_of(said: bytes) -> int:
    return int(said.split(b" ", 2)[1])


def random_bytes(length: int) -> bytes:
    return os.urandom(length)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blobs(deployment: Deployment) -> set[str]:
    """Names of what is stored. The worker may meanwhile delete what earlier tests left, so only what is new tells."""
    return names(deployment.deps.blobs, deployment.data)


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    """The value of Upload-Checksum."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"
