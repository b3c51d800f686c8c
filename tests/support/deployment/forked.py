"""Processes of the program that begin with everything imported, as the children of `deldokument serve --workers` do.

One that imports it all by itself takes two seconds of a core before it does anything, and a deployment in tests is
seven. They are forked from a process that has only imported modules: multiprocessing's fork server, one for each
worker of the run. Each has its own environment, memory and end.

    process = forked("deldokument.cli.main:app", ["serve"], log=folder / "server.log", environment=environment)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
"""

import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from pkgutil import resolve_name
from subprocess import TimeoutExpired
from types import ModuleType

_SERVER = get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        # Otherwise each child would inspect pytest's main module.
        "__main__",
        "deldokument.cli.main",
        # Modules that `deldokument serve` imports when it is called.
        "deldokument.cli.operate.serve",
        # Modules that the worker imports to seal the first document. On a busy machine that takes longer than a server
        # waits.
        "deldokument.adapters.documents.pades",
        "deldokument.simulators.altinn",
        "deldokument.simulators.idporten",
        "deldokument.simulators.notifications",
        "deldokument.simulators.smtp",
        "tests.support.compiled_pages",
    ]
)
_FIRST_INHERITED = "deldokument.server.listeners._FIRST_INHERITED"
_LISTENER = 100


class Forked:
    """As ``subprocess.Popen``, as far as tests use it."""

    def __init__(self, process: ForkServerProcess) -> None:
        process.start()
        assert process.pid is not None
        self._process = process
        self.pid: int = process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; a signal that ended it is negative."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended. Raises TimeoutExpired if it has not after so many seconds."""
        self._process.join(timeout)
        if self.returncode is None:
            raise TimeoutExpired(self._process.name, timeout or 0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended, also when nobody has said so yet: its status comes by a pipe, later."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def forked(
    entry: str,
    arguments: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    constants: Mapping[str, object] | None = None,
    listener: socket.socket | None = None,
) -> Forked:
    """A process that calls ``entry``, "module:function", as a command line with these arguments.

    Its output is appended to ``log``. ``constants`` are set in its modules first:
    ``{"deldokument.web.transfer.request_body.STALL_SECONDS": 2.0}``.

    ``listener`` is passed on as the service manager would, but for its number: below it are the fork server's own.

    Raises: ImportError or AttributeError if the program has no such constant; setting it would change nothing.
    """
    for name in constants or {}:
        module, constant = _constant(name)
        getattr(module, constant)
    own = dict(constants or {}) | ({_FIRST_INHERITED: _LISTENER} if listener else {})
    given = (entry, list(arguments), log, dict(environment or os.environ), own, listener)
    return Forked(_SERVER.Process(target=_become, args=given, name=f"{entry} {' '.join(arguments)}", daemon=True))


def _become(
    entry: str,
    arguments: list[str],
    log: Path,
    environment: dict[str, str],
    constants: dict[str, object],
    listener: socket.socket | None,
) -> None:
    with log.open("ab") as output:
        for standard in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), standard.fileno())
    os.environ.clear()
    os.environ.update(environment)
    if listener:
        os.dup2(listener.fileno(), _LISTENER)
        listener.close()
        os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    for name, value in constants.items():
        setattr(*_constant(name), value)
    sys.argv = [entry, *arguments]
    resolve_name(entry)()


def _constant(name: str) -> tuple[ModuleType, str]:
    """Return the module of "module.NAME", imported, and the name in it."""
    module, _, constant = name.rpartition(".")
    return import_module(module), constant
