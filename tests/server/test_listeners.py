"""The listening socket that a service manager passes to the server (sd_listen_fds(3))."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

_PROGRAM = """
import os, socket
from contextlib import suppress
from deldokument.server.listeners import inherited_listener

def passed(made, pid=os.getpid(), count="1"):
    os.dup2(made.fileno(), 3)
    os.environ |= {"LISTEN_PID": str(pid), "LISTEN_FDS": count}
    try:
        return inherited_listener()
    except (ValueError, OSError) as error:
        return str(error)

def made(family=socket.AF_UNIX, kind=socket.SOCK_STREAM, listens=True):
    one = socket.socket(family, kind)
    os.dup2(one.fileno(), 50)
    one.close()
    one = socket.socket(fileno=50)
    if listens:
        # Without a name the kernel chooses one.
        one.bind("" if family == socket.AF_UNIX else ("127.0.0.1", 0))
        one.listen()
    return one

assert inherited_listener() is None
stranger = passed(made(), pid=1)
assert stranger is None, stranger
assert passed(made(listens=False)) == "not a listening stream socket"
assert passed(made(kind=socket.SOCK_DGRAM, listens=False)) == "not a listening stream socket"
assert passed(made(), count="2") == "2 sockets, not 1"
for family in (socket.AF_UNIX, socket.AF_INET):
    found = passed(made(family))
    assert (found.fileno(), found.family) == (3, family)
    assert not found.get_inheritable() and not found.getblocking()
    assert not {"LISTEN_PID", "LISTEN_FDS"} & os.environ.keys()
    found.detach()
"""


def test_one_listening_socket_is_taken_from_the_service_manager_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stderr) == (0, "")
