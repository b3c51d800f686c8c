"""Folders for files whose durability is not what a test is about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOM = 2**30
"""A container has 64 MiB there unless it is told otherwise."""


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder of its own, in memory where the machine has room there: tests of the use cases wait half as long."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    with TemporaryDirectory(dir=memory if has_room else None) as name:
        yield Path(name)
