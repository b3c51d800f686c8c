"""Ports of this machine for servers that the tests start, and how they are asked."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from typing import Any

# Below what the system hands out by itself, so that no client's own port takes a restarted server's.
_PORTS = range(20000, 32000)
NO_TLS: dict[str, Any] = {"verify": False}
"""For httpx: there is none here, and each client reads the authorities of the world otherwise, which takes longer than
most requests."""


def free_ports(count: int, *besides: int) -> list[int]:
    """So many different ports that nobody listens on now, nor on those so far ``besides`` each."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = random.SystemRandom().choice(range(_PORTS.start, _PORTS.stop - max(besides, default=0)))
            try:
                for number in (port, *(port + step for step in besides)):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", number))
            except OSError:
                continue
            found.append(port)
    return found
