"""Files written so that they are whole or absent, also after a power cut.

For the adapters that keep something in a directory of their own. All functions raise OSError; each caller gives it its
own words. Deliberately does not know what the files hold.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of it, however much the system takes at a time."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_new(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Make a file that only its owner may read. Its name is durable after `sync_directory` only."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def draft_beside(path: Path) -> Path:
    """A name nobody else uses, in the same directory, for a file that is to take the place of `path`."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
