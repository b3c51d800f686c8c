"""A parent that keeps processes whose children fail, or cannot be made, in a program of its own."""

import itertools
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

_SECONDS = 60.0
_PROGRAM = """
import itertools, logging, os, signal, sys, time
from pathlib import Path
from deldokument.server import supervisor

births = Path(sys.argv[1])
logging.basicConfig(level=logging.INFO)

def born():
    # Lines of one length: where this one ends says which it is, also of two at the same time.
    with births.open("a") as file:
        file.write("%020.6f\\n" % time.monotonic())
        file.flush()
        return file.tell() // 21

def end_parent():
    os.kill(os.getppid(), signal.SIGTERM)
    signal.pause()

{body}

try:
    supervisor.supervise(2, child)
except supervisor.NoProcessLeft:
    print("none is left")
    sys.exit(1)
except OSError as error:
    print(error.strerror)
    sys.exit(1)
"""


def started(folder: Path, body: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", _PROGRAM.format(body=body), str(folder / "births")]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def births(folder: Path) -> list[float]:
    """When each child was born, in seconds."""
    return [float(line) for line in (folder / "births").read_text().splitlines()]


def test_processes_that_all_die_end_the_parent_with_an_error(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS = 0.001
def child():
    born()
"""
    with started(tmp_path, body) as process:
        out, _ = process.communicate(timeout=_SECONDS)
    assert (process.returncode, out) == (1, "none is left\n")
    assert len(births(tmp_path)) < 20


def test_a_process_that_dies_again_and_again_is_started_ever_more_rarely_while_another_lives(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS = 0.02
def child():
    number = born()
    if number == 1:
        signal.pause()
    if number == 6:
        end_parent()
"""
    with started(tmp_path, body) as process:
        assert process.wait(_SECONDS) == 0
    gaps = [later - earlier for earlier, later in itertools.pairwise(births(tmp_path)[1:])]
    assert [gap >= least for gap, least in zip(gaps, (0.04, 0.08, 0.16, 0.32), strict=True)] == [True] * 4


def test_a_process_that_dies_after_a_while_is_replaced_without_a_longer_pause(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS, supervisor._MAX_PAUSE_SECONDS, supervisor._QUICK_SECONDS = 0.001, 1000, 0
def child():
    number = born()
    if number == 1:
        signal.pause()
    if number == 30:
        end_parent()
"""
    with started(tmp_path, body) as process:
        assert process.wait(_SECONDS) == 0


def test_processes_that_die_together_lengthen_the_pause_once(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS = 0.1
class Deaths(supervisor.ChildProcesses):
    def _reap_ended(self):
        return list(self._living)[1:]
children = Deaths(6, None, ())
children._living = dict.fromkeys(range(1, 7), time.monotonic())
children.reap()
print(children._pause)
sys.exit()
"""
    with started(tmp_path, body) as process:
        out, _ = process.communicate(timeout=_SECONDS)
    assert (process.returncode, out) == (0, "0.2\n")


def test_a_process_that_cannot_be_forked_just_now_ends_nothing(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS, tries, fork = 0.001, itertools.count(1), os.fork
def failing():
    if next(tries) == 3:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()
os.fork = failing
def child():
    number = born()
    if number == 3:
        print("replaced", flush=True)
        os.kill(os.getppid(), signal.SIGTERM)
    if number != 2:
        signal.pause()
"""
    with started(tmp_path, body) as process:
        out, err = process.communicate(timeout=_SECONDS)
    assert (process.returncode, out) == (0, "replaced\n")
    assert "cannot start a process" in err


def test_a_parent_that_can_fork_none_ends_with_the_systems_error(tmp_path: Path) -> None:
    body = """
def failing():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = failing
child = None
"""
    with started(tmp_path, body) as process:
        out, _ = process.communicate(timeout=_SECONDS)
    assert (process.returncode, out) == (1, "Resource temporarily unavailable\n")


def test_a_process_that_does_not_end_is_killed_after_a_while(tmp_path: Path) -> None:
    body = """
supervisor.PATIENCE_SECONDS = 0.2
def child():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if born() == 1:
        os.kill(os.getppid(), signal.SIGINT)
    while True:
        time.sleep(60)
"""
    with started(tmp_path, body) as process:
        assert process.wait(_SECONDS) == 0


def test_a_dead_process_that_is_not_replaced_yet_keeps_no_signal_waiting(tmp_path: Path) -> None:
    body = """
supervisor._PAUSE_SECONDS, supervisor._MAX_PAUSE_SECONDS = 1000, 1000
def child():
    if born() == 1:
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
from deldokument.server.supervisor import end_at_a_signal
from deldokument.server.listeners import Listeners, listen, serve_both

class Freed:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

end_at_a_signal()
Freed()
print("goes on", flush=True)
end_at_a_signal()
listeners = Listeners(listen("127.0.0.1", 0), listen("127.0.0.1", 0))
serve_both(None, None, listeners, lend_sockets=False, max_connections=9, own_headers={})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=_SECONDS)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert "SystemExit" in done.stderr


def test_a_signal_that_comes_while_the_server_looks_for_earlier_ones_is_not_lost() -> None:
    program = """
import signal
from deldokument.server import listeners

def has_to_end():
    # By now uvicorn handles signals.
    signal.raise_signal(signal.SIGTERM)
    return False

listeners.has_to_end = has_to_end
both = listeners.Listeners(listeners.listen("127.0.0.1", 0), listeners.listen("127.0.0.1", 0))
listeners.serve_both(None, None, both, lend_sockets=False, max_connections=9, own_headers={})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=_SECONDS)
    assert (done.returncode, done.stderr) == (0, "")
