"""Tuning of a process at the operating system: what glibc keeps of freed memory, and the worker's priority."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Final

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_WORKER_NICENESS: Final = 10


def keep_freed_memory() -> None:
    """Have glibc keep buffers of up to 64 MiB for the next request instead of giving their pages back each time.

    Without it every received quarter megabyte costs page faults. All threads share one arena of kept memory.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_M_MMAP_THRESHOLD, 64 << 20)
    libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    libc.mallopt(_M_TOP_PAD, 16 << 20)
    libc.mallopt(_M_ARENA_MAX, 1)


def yield_to_servers() -> None:
    """Raise the niceness, where that is permitted, so that requests go before background work."""
    with suppress(PermissionError):
        os.nice(_WORKER_NICENESS)
