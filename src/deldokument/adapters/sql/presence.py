"""Versions of the processes that use the database: whether one of them writes no tags.

On PostgreSQL the name of a connection says it. SQLite has no such names. There each process of this version holds an
empty file in memory, which the system shows beside its other files. A process that has the database open without that
file is older.

Does not: see processes of other containers or users on SQLite.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from deldokument import __version__

OLDER_NAME = "deldokument"
"""The name of the connections of versions before 0.3.0."""
OWN_NAME = f"deldokument/{__version__}"
_MARK = "deldokument-writes-tags"
_PROCESSES = Path("/proc")


@cache
def announce() -> int:
    """Show that this process writes tags, until it ends; return the file descriptor, -1 if the system has none."""
    return os.memfd_create(_MARK) if hasattr(os, "memfd_create") else -1


def is_older_running(database: str, processes: Path = _PROCESSES) -> bool:
    """Return whether a process has the SQLite database open and writes no tags; True if the system does not say."""
    if not processes.is_dir():
        return True
    stat = Path(database).stat()
    return any(_is_older(process, (stat.st_dev, stat.st_ino)) for process in processes.glob("[0-9]*"))


def _is_older(process: Path, database: tuple[int, int]) -> bool:
    files = list(_open_files(process))
    return any(place == database for _, place in files) and not any(_MARK in name for name, _ in files)


def _open_files(process: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield target and place of the process's open files. Other users' processes show none."""
    # A process may end, or close a file, while it is looked at.
    with suppress(OSError):
        for one in (process / "fd").iterdir():
            with suppress(OSError):
                stat = one.stat()
                yield str(one.readlink()), (stat.st_dev, stat.st_ino)
