"""Parent process of several server processes that accept on the same listeners (decision 21).

Guarantees:
- If a child dies while another one lives, it is replaced. Connections that wait at a listener are not lost.
- Children that die soon after their start are replaced after ever longer pauses.
- When no child is left, the parent ends with an error. The service manager starts it again.
- SIGTERM and SIGINT are passed on to the children, which have `PATIENCE_SECONDS` to end. Before that, the parent closes
  the listeners.
- The children end with their parent, even if it is killed.

An unresponsive child is not killed: the load balancer checks whether it responds.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

log = logging.getLogger("deldokument")

PATIENCE_SECONDS: Final = 30.0
"""Time for children to end after a signal, before they are killed."""
_PAUSE_SECONDS: Final = 1.0
_MAX_PAUSE_SECONDS: Final = 30.0
_QUICK_SECONDS: Final = 10.0
"""A child that dies sooner than this makes the pause longer."""
_PR_SET_PDEATHSIG: Final = 1
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)
_HANDLED: Final = (*_ENDING, signal.SIGCHLD)
_has_to_end: Final = threading.Event()


def _ignore(*_: object) -> None:
    """Do nothing: the default for a dead child, and for a signal."""


class NoProcessLeft(Exception):
    """Error: every child has died; each has logged why."""


def end_at_a_signal() -> None:
    """Make the first SIGTERM or SIGINT end this process by SystemExit.

    More may follow: systemd signals every process of a unit, and a parent its children. Python drops an exception that
    is raised while an object is freed. So an endless loop must check `has_to_end`.
    """

    def end(*_: object) -> None:
        # Ignore signals first: a second one could interrupt set(), and then wait for ever for the lock that it holds.
        _ignore_ending_signals()
        _has_to_end.set()
        sys.exit(0)

    for number in _ENDING:
        signal.signal(number, end)


def has_to_end() -> bool:
    """Return whether this process has received such a signal."""
    return _has_to_end.is_set()


def _ignore_ending_signals() -> None:
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def supervise(
    count: int,
    child: Callable[[], None],
    ended: Callable[[int], None] = _ignore,
    close_listeners: Callable[[], None] = _ignore,
) -> None:
    """Run ``child`` in ``count`` processes until a signal comes. All have ended when this returns or raises.

    ``ended`` is called with the process id of each child that has died. ``close_listeners`` closes the parent's.

    The caller must have opened only listeners and run no thread: children are forked, to share its loaded code.

    Raises:
        NoProcessLeft: Every child has died.
        OSError: No process can be started.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDLED)
    children = ChildProcesses(count, child, before, ended)
    try:
        children.start_missing()
        while children.next_signal() not in _ENDING:
            children.reap()
            children.start_missing()
        # Further signals are pending, and would end the parent as soon as they are unblocked.
        _ignore_ending_signals()
        # Children close their own copies. If one process kept a listener open, connections would queue there
        # unanswered.
        close_listeners()
    finally:
        children.end()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ChildProcesses:
    """The living children: process ids and start times."""

    def __init__(
        self, count: int, child: Callable[[], None], mask: Iterable[int], report: Callable[[int], None] = _ignore
    ) -> None:
        self._count = count
        self._child = child
        self._mask = mask
        self._report = report
        self._living: dict[int, float] = {}
        self._pause = _PAUSE_SECONDS
        self._start_at = 0.0

    def next_signal(self) -> int | None:
        """Wait for a signal and return it; return None when it is time to start a child."""
        if len(self._living) == self._count:
            return signal.sigwaitinfo(_HANDLED).si_signo
        received = signal.sigtimedwait(_HANDLED, max(self._start_at - time.monotonic(), 0.0))
        return received.si_signo if received else None

    def start_missing(self) -> None:
        """Start the missing children, unless it is too early.

        Raises: OSError if a process cannot be started.
        """
        if time.monotonic() < self._start_at:
            return
        try:
            while len(self._living) < self._count:
                self._living[self._fork()] = time.monotonic()
        except OSError as error:
            if not self._living:
                raise
            log.error("cannot start a process: %s", error)
            self._delay(is_longer=True)

    def reap(self) -> None:
        """Remove the children that have died.

        Raises: NoProcessLeft if all have.
        """
        ended, now = self._reap_ended(), time.monotonic()
        for pid in ended:
            log.error("process %d has died", pid)
            self._report(pid)
        ages = [now - self._living.pop(pid) for pid in ended]
        if ages:
            # One delay for all dead children: they may have died of the same cause.
            self._delay(is_longer=min(ages) < _QUICK_SECONDS)
        if not self._living:
            raise NoProcessLeft

    def _delay(self, *, is_longer: bool) -> None:
        """Set the pause before the next start, so that a process that keeps dying does not use up the machine."""
        self._pause = min(2 * self._pause, _MAX_PAUSE_SECONDS) if is_longer else _PAUSE_SECONDS
        self._start_at = time.monotonic() + self._pause

    def end(self) -> None:
        """Ask all children to end, wait, and kill those that do not."""
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._living and (left := deadline - time.monotonic()) > 0:
            for pid in self._reap_ended():
                del self._living[pid]
            if self._living:
                signal.sigtimedwait({signal.SIGCHLD}, left)
        self._send(signal.SIGKILL)

    def _reap_ended(self) -> list[int]:
        """Return the children that have ended.

        Asks for each child by its id, because as process 1 the parent also adopts orphans.
        """
        return [pid for pid in list(self._living) if os.waitpid(pid, os.WNOHANG)[0]]

    def _send(self, number: signal.Signals) -> None:
        for pid in self._living:
            os.kill(pid, number)

    def _fork(self) -> int:
        parent = os.getpid()
        return os.fork() or self._run(parent)

    def _run(self, parent: int) -> NoReturn:
        try:
            _end_with_parent(parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            self._child()
        except SystemExit:
            pass
        except Exception:
            log.exception("server process failed")
        finally:
            # This skips the parent's finally blocks, because the child must not close the parent's resources.
            os._exit(0)


def _end_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(0)
