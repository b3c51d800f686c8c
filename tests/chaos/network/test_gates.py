"""Doors between the networks that faults are tried in."""

import gc
import socket
import struct
import time
from contextlib import closing, suppress

import pytest

from tests.chaos.network.gates import Door, Gates
from tests.support.servers.ports import free_ports


@pytest.mark.timeout(30)
def test_doors_close_despite_an_open_connection() -> None:
    [port] = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as there:
        gates = Gates([Door(None, port, there.getsockname())])
        with gates:
            knocking = socket.create_connection(("127.0.0.1", port))
            inside, _ = there.accept()
        with closing(knocking), closing(inside):
            assert inside.recv(1) == b""


@pytest.mark.timeout(30)
def test_what_waits_for_somebody_who_takes_nothing_is_not_left_open() -> None:
    [port] = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as there:
        with Gates([Door(None, port, there.getsockname())]):
            knocking = socket.create_connection(("127.0.0.1", port))
            inside, _ = there.accept()
            inside.settimeout(0.5)
            with suppress(TimeoutError):
                while True:
                    inside.sendall(bytes(2**20))
            inside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            inside.close()
            with suppress(OSError):
                knocking.sendall(b"x")
            time.sleep(0.2)
        knocking.close()
    # A leaked socket raises its ResourceWarning here, in this test.
    gc.collect()
