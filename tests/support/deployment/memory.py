"""Folders for files whose durability is not what a test is about."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")
_USUAL_BYTES = 2**30
"""A container has 64 MiB there by default."""


def memory_has(size: int) -> bool:
    """Whether so many bytes are free where folders are in memory."""
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > size


@contextmanager
def folder_in_memory(size: int = _USUAL_BYTES) -> Iterator[Path]:
    """A folder of its own, in memory where the machine has so many bytes there.

    Tests of the use cases wait half as long; deployments, whose every commit waits for the disk, less still.
    """
    with TemporaryDirectory(dir=MEMORY if memory_has(size) else None) as name:
        yield Path(name)
        # A blob store has 256 folders, nearly all of them empty: shutil.rmtree would take four times as long for those.
        for shelf in Path(name).glob("blobs/??"):
            with suppress(OSError):
                shelf.rmdir()
