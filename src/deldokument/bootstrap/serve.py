"""The processes of the service: web server and worker."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
from contextlib import suppress

from deldokument import worker
from deldokument.bootstrap.registers import secret_text
from deldokument.bootstrap.runtime import (
    _M_ARENA_MAX,
    _M_MMAP_THRESHOLD,
    _M_TOP_PAD,
    _M_TRIM_THRESHOLD,
    Runtime,
    site_of,
)
from deldokument.config.settings import Settings
from deldokument.server.listeners import Listeners, serve_both
from deldokument.web.app import create_app
from deldokument.web.http.request import Endpoint
from deldokument.web.management import create_management

_WORKERS_NICENESS = 10


def serve(settings: Settings, node: Runtime, listeners: Listeners, extra: tuple[Endpoint, ...] = ()) -> None:
    """Run the web application until a signal comes; then end the process, by SystemExit."""
    keep_freed_memory()
    public = create_app(node.deps, site_of(settings), extra)
    management = create_management(node.deps, secret_text(settings.metrics_token))
    serve_both(public, management, listeners, lend_sockets=settings.lend_sockets)


def work(node: Runtime) -> None:
    """Run the worker until SIGTERM or SIGINT. What people wait for goes before what it does."""
    with suppress(PermissionError):
        os.nice(_WORKERS_NICENESS)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker.run(node.deps, stop)


def keep_freed_memory() -> None:
    """Have glibc keep buffers of up to 64 MiB for the next request instead of giving their pages back each time.

    Without it every received quarter megabyte costs page faults. What is kept is shared by all threads, and not once
    for each handful of them.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_M_MMAP_THRESHOLD, 64 << 20)
    libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    libc.mallopt(_M_TOP_PAD, 16 << 20)
    libc.mallopt(_M_ARENA_MAX, 1)


def configure_logging() -> None:
    """One line an event, on standard error."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
