"""How a signal ends the worker."""

import subprocess
import sys

_WAIT_BUSILY = """
import os, signal, threading
from deldokument.bootstrap.work import stop_on_signal

for number in [signal.SIGTERM, signal.SIGINT] * 10:
    stop = stop_on_signal()
    threading.Timer(0.01, os.kill, [os.getpid(), number]).start()
    while not stop.wait(0):
        pass
"""


def test_a_signal_is_not_lost_that_comes_while_the_main_thread_holds_the_events_lock() -> None:
    """Most of twenty do: a wait of no length takes the lock again and again."""
    subprocess.run([sys.executable, "-c", _WAIT_BUSILY], check=True, timeout=60)
