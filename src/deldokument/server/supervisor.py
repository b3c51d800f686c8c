"""Several server processes that accept connections at one socket, and the parent that keeps them.

Promises that a process that has died is replaced while the others go on, and no connection that waits at the socket is
lost with it; that SIGTERM and SIGINT are passed on and waited for; that the children end with the parent, however it
ends; and that it ends with an error when they cannot start, or die as soon as they do, all of them, again and again.
While one serves on, one that cannot start is tried again, ever more rarely: what it lacks may come back. Does not know
what a child does.

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
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

log = logging.getLogger("deldokument")

Child = Callable[[Callable[[], None]], None]
"""What a child does; it calls what it is given as soon as it serves."""

PATIENCE_SECONDS: Final = 30.0
"""How long children are waited for after a signal to end, before they are killed."""
_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 30.0
_QUICK_SECONDS: Final = 10.0
"""A child that dies sooner has not got anywhere."""
_QUICK_DEATHS: Final = 10
"""So many in a row, and none that lives on, are no accident."""
_NOTHING_TO_DO_SECONDS: Final = 3600.0
_BACKLOG: Final = 2048
_PR_SET_PDEATHSIG: Final = 1
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)
_OURS: Final = (*_ENDING, signal.SIGCHLD)
_has_to_end: Final = threading.Event()


class CannotStart(Exception):
    """Children end before any serves, or as soon as they do; they have told why."""


def end_at_a_signal() -> None:
    """Have SIGTERM and SIGINT end this process by SystemExit, once.

    They may come several times: systemd tells all processes of a unit, and a parent its children. Python drops what is
    raised while it frees an object: who begins something that does not end by itself asks ``has_to_end``.
    """

    def end(*_: object) -> None:
        _has_to_end.set()
        _heed_no_more()
        sys.exit(0)

    for number in _ENDING:
        signal.signal(number, end)


def has_to_end() -> bool:
    """Whether such a signal has come to this process."""
    return _has_to_end.is_set()


def _heed_no_more() -> None:
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for all children. Raises OSError."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.setblocking(False)
    return listener


def supervise(count: int, child: Child, fork: Callable[[], int] = os.fork) -> None:
    """Keep ``count`` children until a signal comes. Raises CannotStart or OSError, all being ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OURS)
    family = ChildProcesses(child, before, fork)
    try:
        for _ in range(count):
            family.add()
        while (told := signal.sigtimedwait(_OURS, family.pause())) is None or told.si_signo == signal.SIGCHLD:
            family.reap()
            family.replace_dead()
        _heed_no_more()
    finally:
        family.end()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ChildProcesses:
    """The children by their process ids, each with the pipe on which it says that it serves, and when it was born."""

    def __init__(self, child: Child, mask: Iterable[int], fork: Callable[[], int]) -> None:
        self._child = child
        self._mask = mask
        self._fork = fork
        self._living: dict[int, tuple[int, float]] = {}
        self._served = False
        self._missing = 0
        self._quick_deaths = 0
        self._replace_at = 0.0

    def add(self) -> None:
        serves, says = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        parent = os.getpid()
        try:
            pid = self._fork()
        except OSError:
            os.close(serves)
            os.close(says)
            raise
        if pid == 0:
            self._be_child(parent, says)
        os.close(says)
        self._living[pid] = serves, time.monotonic()

    def pause(self) -> float:
        """Seconds until there is something to do, should no signal come."""
        return max(self._replace_at - time.monotonic(), 0.0) if self._missing else _NOTHING_TO_DO_SECONDS

    def reap(self) -> None:
        dead, now = self._ended(), time.monotonic()
        self._served = self._served or any(_has_served(serves) for serves, _ in self._living.values())
        for pid in dead:
            serves, born = self._living.pop(pid)
            os.close(serves)
            self._quick_deaths = self._quick_deaths + 1 if now - born < _QUICK_SECONDS else 0
            log.error("process %d has died; another takes its place", pid)
        if dead and not self._served:
            raise CannotStart("cannot start")
        lives = any(now - born >= _QUICK_SECONDS for _, born in self._living.values())
        if dead and self._quick_deaths >= _QUICK_DEATHS and not lives:
            raise CannotStart("die as soon as they are started")
        self._missing += len(dead)
        if dead:
            self._rest()

    def replace_dead(self) -> None:
        if not self._missing or time.monotonic() < self._replace_at:
            return
        try:
            while self._missing:
                self.add()
                self._missing -= 1
        except OSError as error:
            log.error("no process can be started just now: %s", error)
            self._rest()

    def _rest(self) -> None:
        """One that dies again and again must not use up the machine."""
        self._replace_at = time.monotonic() + min(_PAUSE_SECONDS * (1 + self._quick_deaths), _MAX_PAUSE_SECONDS)

    def end(self) -> None:
        """Ask all to end, wait, and kill those that do not."""
        self._signal_all(signal.SIGTERM)
        until = time.monotonic() + PATIENCE_SECONDS
        while self._living and (left := until - time.monotonic()) > 0:
            for pid in self._ended():
                os.close(self._living.pop(pid)[0])
            if self._living:
                signal.sigtimedwait({signal.SIGCHLD}, left)
        self._signal_all(signal.SIGKILL)

    def _ended(self) -> list[int]:
        """The children that have ended, each told once; others that the system has left to us are none of ours."""
        return [pid for pid in list(self._living) if os.waitpid(pid, os.WNOHANG)[0]]

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in self._living:
            os.kill(pid, number)

    def _be_child(self, parent: int, says: int) -> NoReturn:
        code = 1
        try:
            _end_with_parent(parent)
            for serves, _ in self._living.values():
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
