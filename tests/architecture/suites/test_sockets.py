"""Tests reach this machine and nothing else."""

import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def test_no_other_machine_can_be_reached() -> None:
    # 192.0.2.0/24 is set apart for documentation (RFC 5737): nothing answers there even if the block fails.
    with socket.socket() as outside, pytest.raises(Exception, match="A test tried to use"):
        outside.connect(("192.0.2.1", 80))


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["IPv4", "IPv6"]
)
def test_loopback_can_be_reached(family: socket.AddressFamily, host: str) -> None:
    with socket.socket(family) as server, socket.socket(family) as client:
        server.bind((host, 0))
        server.listen()
        client.connect(server.getsockname()[:2])


def test_a_socket_in_the_file_system_can_be_reached() -> None:
    with TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as server:
        path = str(Path(folder) / "s")
        server.bind(path)
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
