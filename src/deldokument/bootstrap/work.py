"""The worker process."""

from __future__ import annotations

import signal
import threading

from deldokument import worker
from deldokument.bootstrap.runtime import Runtime
from deldokument.bootstrap.tracing import traced
from deldokument.bootstrap.tune import yield_to_servers
from deldokument.config.settings import Settings


def work(settings: Settings, node: Runtime) -> None:
    """Run the worker until SIGTERM or SIGINT."""
    yield_to_servers()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with traced(settings, node) as (deps, tracing):
        worker.run(deps, stop, worker.loops(), tracing.rounds if tracing else None)
