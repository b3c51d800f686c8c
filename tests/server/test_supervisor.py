"""A parent that keeps processes whose children fail, or cannot be made, in a program of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

_SECONDS = 60.0
_PROGRAM = """
import itertools, logging, os, signal, sys
from pathlib import Path
from deldokument.server import supervisor

births = Path(sys.argv[1])
logging.basicConfig(level=logging.INFO)

def born():
    with births.open("a") as file:
        file.write("x")
    return births.stat().st_size

{body}

try:
    supervisor.supervise(2, child, *forks)
except supervisor.CannotStart as error:
    print("the processes", error)
    sys.exit(1)
"""


def started(folder: Path, body: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", _PROGRAM.format(body=body), str(folder / "births")]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_processes_that_die_as_soon_as_they_serve_are_not_started_for_ever(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS, forks = 0.001, ()
def child(serves):
    born()
    serves()
"""
    with started(tmp_path, body) as process:
        out, _ = process.communicate(timeout=_SECONDS)
    assert (process.returncode, out) == (1, "the processes die as soon as they are started\n")
    assert (tmp_path / "births").stat().st_size < 20


def test_a_process_that_cannot_be_forked_just_now_ends_nothing(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS, tries = 0.001, itertools.count(1)
def fork():
    if next(tries) == 3:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return os.fork()
forks = (fork,)
def child(serves):
    number = born()
    serves()
    if number == 3:
        print("replaced", flush=True)
        os.kill(os.getppid(), signal.SIGTERM)
    if number != 2:
        signal.pause()
"""
    with started(tmp_path, body) as process:
        out, err = process.communicate(timeout=_SECONDS)
    assert (process.returncode, out) == (0, "replaced\n")
    assert "no process can be started just now" in err


def test_a_dead_process_that_is_not_replaced_yet_keeps_no_signal_waiting(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS, supervisor._MAX_PAUSE_SECONDS, forks = 1000, 1000, ()
def child(serves):
    number = born()
    serves()
    if number == 1:
        signal.pause()
"""
    with started(tmp_path, body) as process:
        assert process.stderr is not None
        assert "has died" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(_SECONDS) == 0


def test_a_signal_that_comes_while_an_object_is_freed_is_not_lost() -> None:
    program = """
import os, signal
from deldokument.server.supervisor import end_at_a_signal, listen
from deldokument.server.listeners import Listeners, serve_both

class Freed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

end_at_a_signal()
Freed()
print("goes on", flush=True)
end_at_a_signal()
serve_both(None, None, Listeners(listen("127.0.0.1", 0), listen("127.0.0.1", 0)), lend_sockets=False)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=_SECONDS)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert "SystemExit" in done.stderr
