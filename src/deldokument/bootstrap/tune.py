"""Process tuning: memory that glibc keeps, garbage collection, and the worker's priority."""

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
"""How many new objects start a collection. Python's own default is 700 or 2000, depending on its version."""
_WORKER_NICENESS: Final = 10


def keep_freed_memory() -> None:
    """Have glibc keep freed buffers of up to 64 MiB for reuse instead of returning their pages.

    Otherwise every 256 KiB received would cost page faults. All threads share a single arena, instead of one for every
    few threads.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_M_MMAP_THRESHOLD, 64 << 20)
    libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    libc.mallopt(_M_TOP_PAD, 16 << 20)
    libc.mallopt(_M_ARENA_MAX, 1)


def tune_garbage_collection() -> None:
    """Exclude all existing objects from garbage collection, and collect less often.

    Modules, routes and templates live as long as the process. Reference counts free most of a request's objects anyway,
    and every collection stops all threads.
    """
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def yield_to_servers() -> None:
    """Raise the niceness if permitted, so that requests take priority over background work."""
    with suppress(PermissionError):
        os.nice(_WORKER_NICENESS)
