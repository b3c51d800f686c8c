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
def folder_in_memory(room: int = _ROOM) -> Iterator[Path]:
    """A folder of its own, in memory where the machine has so many bytes of room there.

    Tests of the use cases wait half as long; deployments, whose every commit waits for the disk, less still.
    """
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > room
    with TemporaryDirectory(dir=memory if has_room else None) as name:
        yield Path(name)
