"""The client of a measurement, a process of its own that is never the bottleneck: sendfile up, recv_into down.

    python -m bench.client PORT [--body FILE] [--then-sync FILE] [--hash] [--ca FILE]  < request head

Says in a line that it is ready, and waits for the head: several that shall begin together begin when all are.
Prints one line of JSON: status, bytes of the body, CPU time, and the monotonic times of the connection and of the
last byte. With ``--ca`` it speaks TLS and believes that certificate; it is then
a bottleneck as much as the server.
"""

import argparse
import hashlib
import json
import mmap
import os
import resource
import socket
import ssl
import sys
import time
from pathlib import Path

STRETCH = 2**24
BUFFER = 2**20


def exchange(port: int, head: bytes, given: argparse.Namespace) -> dict[str, object]:
    """Send a request, take all of the answer."""
    source = given.body.open("rb") if given.body else None
    began, spent = time.monotonic(), _cpu_seconds()
    with _connected(port, given.ca) as connection:
        connection.sendall(head)
        if source:
            _send(connection, source.fileno(), os.fstat(source.fileno()).st_size)
        answer, received, digest = _receive(connection, hashed=given.hash)
    if given.then_sync:
        for path in (given.then_sync, given.then_sync.parent):
            _sync(path)
    ended = time.monotonic()
    status = int(answer.split(b" ", 2)[1])
    return {
        "status": status, "received": received, "began": began, "ended": ended, "digest": digest,
        "cpu": _cpu_seconds() - spent, "head": answer.decode("latin-1"),
    }  # fmt: skip


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _connected(port: int, ca: Path | None) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port))
    if ca is None:
        return plain
    return ssl.create_default_context(cafile=str(ca)).wrap_socket(plain, server_hostname="127.0.0.1")


def _send(connection: socket.socket, source: int, length: int) -> None:
    if isinstance(connection, ssl.SSLSocket):
        with mmap.mmap(source, length, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
            for at in range(0, length, BUFFER):
                connection.sendall(view[at : at + BUFFER])
        return
    offset = 0
    while offset < length:
        offset += os.sendfile(connection.fileno(), source, offset, min(STRETCH, length - offset))


def _receive(connection: socket.socket, *, hashed: bool) -> tuple[bytes, int, str]:
    start = b""
    while b"\r\n\r\n" not in start:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError(f"the answer broke off after {start!r}")
        start += more
    head, _, rest = start.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    buffer, received, digest = memoryview(bytearray(BUFFER)), len(rest), hashlib.sha256(rest)
    while received < length:
        count = connection.recv_into(buffer)
        if not count:
            break
        received += count
        if hashed:
            digest.update(buffer[:count])
    return head, received, digest.hexdigest() if hashed else ""


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main() -> None:
    """One exchange."""
    options = argparse.ArgumentParser()
    options.add_argument("port", type=int)
    options.add_argument("--body", type=Path)
    options.add_argument("--then-sync", type=Path)
    options.add_argument("--hash", action="store_true")
    options.add_argument("--ca", type=Path)
    given = options.parse_args()
    print("ready", flush=True)
    head = sys.stdin.buffer.read()
    print(json.dumps(exchange(given.port, head, given)))


if __name__ == "__main__":
    main()
