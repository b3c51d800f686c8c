"""The worker process."""

import signal
import threading

from deldokument import worker
from deldokument.bootstrap.runtime import Runtime
from deldokument.bootstrap.tracing import trace_node
from deldokument.bootstrap.tune import yield_to_servers
from deldokument.config.settings import Settings


def work(settings: Settings, node: Runtime) -> None:
    """Run the worker until SIGTERM or SIGINT. Raises: as `worker.run`."""
    yield_to_servers()
    stop = stop_on_signal()
    with trace_node(settings, node) as (deps, tracing):
        worker.run(deps, stop, worker.loops(), tracing.rounds if tracing else None)


def stop_on_signal() -> threading.Event:
    """Return an event that SIGTERM or SIGINT sets."""
    over = threading.Event()

    def end(*_: object) -> None:
        # In a thread: a signal handler interrupts the main thread, which may hold the event's lock.
        threading.Thread(target=over.set, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return over
