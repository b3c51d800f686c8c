"""File writes that leave a whole file or none, also after a power failure.

For the adapters that store something in a directory of their own. All functions raise OSError; each caller
maps it to its own error. Does not know the files' contents.
"""

import os
import secrets
from pathlib import Path


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write all bytes, with as many system calls as it takes."""
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_new(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Create a file that only its owner may read.

    The name is durable only after `sync_directory`.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, content)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def draft_beside(path: Path) -> Path:
    """Return an unused name in the same directory, for a file that will replace `path`."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
