"""Several server processes that accept connections at one socket, and the parent that keeps them.

Promises that a process that has died is replaced while the others go on, and no connection that waits at the socket is
lost with it; that SIGTERM and SIGINT are passed on and waited for; that the children end with the parent, however it
ends; and that it ends with an error when they cannot start. Once one has served, one that cannot start is tried again:
what it lacks may come back, and the others go on. Does not know what a child does.

The children are forked from a parent that has opened nothing and runs no thread, so they share its loaded code. A
child that is busy is left alone: whether it answers is for the load balancer to ask.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

log = logging.getLogger("deldokument")

Child = Callable[[Callable[[], None]], None]
"""What a child does; it calls what it is given as soon as it serves."""

PATIENCE_S: Final = 30.0
"""How long children are waited for after a signal to end, before they are killed."""
_PAUSE_S: Final = 1.0
_BACKLOG: Final = 2048
_PR_SET_PDEATHSIG: Final = 1
_OURS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class CannotStart(Exception):
    """A child ended before any served; it has told why."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for all children. Raises OSError."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.setblocking(False)
    return listener


def keep(count: int, child: Child) -> None:
    """Keep ``count`` children until a signal comes. Raises CannotStart, all being ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    family = _Family(child, before)
    try:
        for _ in range(count):
            family.add()
        while signal.sigwait(_OURS) == signal.SIGCHLD:
            family.replace_dead()
    finally:
        family.end()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Family:
    """The children by their process ids, each with the pipe on which it says that it serves."""

    def __init__(self, child: Child, mask: Iterable[int]) -> None:
        self._child = child
        self._mask = mask
        self._living: dict[int, int] = {}
        self._served = False

    def add(self) -> None:
        serves, says = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_child(parent, says)
        os.close(says)
        self._living[pid] = serves

    def replace_dead(self) -> None:
        dead = self._ended()
        self._served = self._served or any(map(_has_served, self._living.values()))
        for pid in dead:
            os.close(self._living.pop(pid))
        if dead and not self._served:
            raise CannotStart
        for pid in dead:
            log.error("process %d has died; another takes its place", pid)
            # One that dies again and again must not use up the machine.
            time.sleep(_PAUSE_S)
            self.add()

    def end(self) -> None:
        """Ask all to end, wait, and kill those that do not."""
        self._tell(signal.SIGTERM)
        until = time.monotonic() + PATIENCE_S
        while self._living and (left := until - time.monotonic()) > 0:
            for pid in self._ended():
                os.close(self._living.pop(pid))
            if self._living:
                signal.sigtimedwait({signal.SIGCHLD}, left)
        self._tell(signal.SIGKILL)

    def _ended(self) -> list[int]:
        """The children that have ended, each told once; others that the system has left to us are none of ours."""
        return [pid for pid in list(self._living) if os.waitpid(pid, os.WNOHANG)[0]]

    def _tell(self, number: signal.Signals) -> None:
        for pid in self._living:
            os.kill(pid, number)

    def _be_child(self, parent: int, says: int) -> NoReturn:
        code = 1
        try:
            _end_with_parent(parent)
            for serves in self._living.values():
                os.close(serves)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            self._child(lambda: _say(says))
            code = 0
        except SystemExit as asked:
            code = asked.code if isinstance(asked.code, int) else 1
        except Exception:
            log.exception("a process cannot go on")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            # Not the parent's way out: what it has open is not the child's to close.
            os._exit(code)


def _has_served(serves: int) -> bool:
    """Whether the child has said so; one that has died without a word has only closed its end."""
    try:
        return os.read(serves, 1) != b""
    except BlockingIOError:
        return False


def _say(says: int) -> None:
    os.write(says, b"1")
    os.close(says)


def _end_with_parent(parent: int) -> None:
    """The kernel tells this process to end when its parent is gone, by SIGKILL too."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
