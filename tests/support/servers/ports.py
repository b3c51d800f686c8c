"""Ports of this machine for servers that the tests start, and how they are asked."""

import os
import random
import re
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# Below the kernel's range of ephemeral ports, so that no client gets a restarted server's port.
_PORTS = range(20000, 32000)
_EACH = 1500
_FIRST = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) * _EACH % len(_PORTS)
_OWN = _PORTS[_FIRST : _FIRST + _EACH]
"""Each process of a run has its own range: another process could take a port before the server listens there."""
_GIVEN: set[int] = set()
"""Ports returned so far, not to be returned again soon. Emptied when half of the range is here."""
NO_TLS: dict[str, Any] = {"verify": False}
"""For httpx: there is none here, and each client reads the authorities of the world otherwise, which takes longer than
most requests."""


def free_ports(count: int, *besides: int) -> list[int]:
    """So many different ports that nobody listens on now, nor on those so far ``besides`` each."""
    found: list[int] = []
    end = _PORTS.stop - max(besides, default=0)
    ports = _OWN if _OWN[-1] < end else range(_PORTS.start, end)
    if len(_GIVEN) > _EACH / 2:
        _GIVEN.clear()
    with ExitStack() as held:
        while len(found) < count:
            port = random.SystemRandom().choice(ports)
            numbers = {port, *(port + step for step in besides)}
            if numbers & _GIVEN:
                continue
            try:
                for number in numbers:
                    held.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except OSError:
                continue
            _GIVEN.update(numbers)
            found.append(port)
    return found


def listening_at(port: int) -> set[str]:
    """The addresses of this machine at which somebody listens on the port; those of IPv6 as the kernel writes them."""
    tables = "".join(Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    found = re.findall(rf"^ +\d+: ([0-9A-F]+):{port:04X} [0-9A-F]+:0000 0A ", tables, re.M)
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) if len(address) == 8 else address for address in found}
