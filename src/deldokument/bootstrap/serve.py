"""The web server's process."""

from __future__ import annotations

import ctypes

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


def serve(settings: Settings, node: Runtime, listeners: Listeners, extra: tuple[Endpoint, ...] = ()) -> None:
    """Run the web application until a signal comes; then end the process, by SystemExit."""
    keep_freed_memory()
    public = create_app(node.deps, site_of(settings), extra)
    management = create_management(node.deps, secret_text(settings.metrics_token))
    serve_both(public, management, listeners, lend_sockets=settings.lend_sockets)


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
