"""Listening sockets: the one that a service manager passes to the server (sd_listen_fds(3)), and one at a path."""

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deldokument.server.listeners import listen_at

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


def reached(path: Path) -> bool:
    """Whether a process listens at the socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        return client.connect_ex(str(path)) in {0, errno.EAGAIN}


def test_owner_and_group_may_connect_to_the_socket_at_a_path_and_nobody_else(tmp_path: Path) -> None:
    with listen_at(tmp_path / "serve.sock"):
        assert (tmp_path / "serve.sock").stat().st_mode & 0o777 == 0o660
        assert reached(tmp_path / "serve.sock")


def test_a_socket_that_a_killed_process_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    listen_at(path).close()
    assert path.is_socket()
    assert not reached(path)
    with listen_at(path):
        assert reached(path)


def test_a_socket_at_which_a_process_listens_is_not_taken_from_it(tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(0)
        with pytest.raises(OSError, match="Address already in use"):
            listen_at(path)
        assert reached(path)


def test_a_full_queue_is_no_reason_to_take_a_socket(tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as first:
        other.bind(str(path))
        other.listen(0)
        first.connect(str(path))
        with socket.socket(socket.AF_UNIX) as second:
            second.setblocking(False)
            assert second.connect_ex(str(path)) == errno.EAGAIN
        with pytest.raises(OSError, match="Address already in use"):
            listen_at(path)
        assert reached(path)


def test_a_file_that_is_no_socket_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "serve.sock"
    path.write_text("somebody's")
    with pytest.raises(OSError, match="Address already in use"):
        listen_at(path)
    assert path.read_text() == "somebody's"
