"""The worker's process, and the log of every process. Loads nothing of the web application."""

from __future__ import annotations

import logging
import os
import signal
import threading
from contextlib import suppress

from deldokument import worker
from deldokument.bootstrap.runtime import Runtime

_WORKERS_NICENESS = 10


def work(node: Runtime) -> None:
    """Run the worker until SIGTERM or SIGINT. What people wait for goes before what it does."""
    with suppress(PermissionError):
        os.nice(_WORKERS_NICENESS)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker.run(node.deps, stop)


def configure_logging() -> None:
    """One line an event, on standard error."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
