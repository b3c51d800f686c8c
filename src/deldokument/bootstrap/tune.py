"""Process tuning: how much freed memory glibc keeps, what garbage collection leaves out, and the worker's priority."""

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


def leave_loaded_objects_alone() -> None:
    """Have garbage collection leave out what is loaded now: modules, routes and templates stay until the process ends.

    Otherwise each full collection reads all of it again, and no thread goes on meanwhile.
    """
    gc.freeze()


def yield_to_servers() -> None:
    """Raise the niceness if permitted, so that requests take priority over background work."""
    with suppress(PermissionError):
        os.nice(_WORKER_NICENESS)
