"""Process tuning: how much freed memory glibc keeps, what garbage collection scans, and the worker's priority."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from typing import Final

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
YOUNG_OBJECTS: Final = 10_000
"""New objects before a collection looks at them; by default 700 or 2000."""
_WORKER_NICENESS: Final = 10


def keep_freed_memory() -> None:
    """Have glibc keep freed buffers of up to 64 MiB for reuse instead of returning their pages.

    Otherwise every received 256 KiB cost page faults. A single arena is shared by all threads, instead of one for every
    few threads.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_M_MMAP_THRESHOLD, 64 << 20)
    libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    libc.mallopt(_M_TOP_PAD, 16 << 20)
    libc.mallopt(_M_ARENA_MAX, 1)


def collect_less_garbage() -> None:
    """Exclude all existing objects from garbage collection, and look at new ones less often.

    Modules, routes and templates live as long as the process. Most objects of a request go by their reference counts.
    Each collection scans the others while all threads wait.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def yield_to_servers() -> None:
    """Raise the niceness if permitted, so that requests take priority over background work."""
    with suppress(PermissionError):
        os.nice(_WORKER_NICENESS)
