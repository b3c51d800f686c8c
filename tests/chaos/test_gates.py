"""Doors between the networks that faults are tried in."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
from chaos.gates import Door, Gates
from support.ports import free_ports


@pytest.mark.timeout(30)
def test_doors_close_though_somebody_stands_in_one() -> None:
    [port] = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as there:
        gates = Gates([Door(None, port, there.getsockname())])
        with gates:
            knocking = socket.create_connection(("127.0.0.1", port))
            inside, _ = there.accept()
        with closing(knocking), closing(inside):
            assert inside.recv(1) == b""
