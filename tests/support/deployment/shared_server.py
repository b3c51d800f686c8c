"""Servers that all workers of a run share: the first that needs one starts it, the last one takes it down."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path


@contextmanager
def shared_by_workers(folder: Path, start: Callable[[], None], stop: Callable[[], None]) -> Iterator[None]:
    """``start`` has been done, by this worker or another, while the block runs; ``stop`` comes after the last one.

    ``stop`` removes the folder. Each worker holds a shared lock while it needs the server: the kernel lets go of it
    even when one is killed.
    """
    with _locked(folder) as starting, (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            started = folder / "started"
            if not started.exists():
                start()
                started.touch()
        finally:
            fcntl.flock(starting, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if _is_last(users):
                stop()


def _locked(folder: Path) -> TextIOWrapper:
    """The lock that is in the folder now: one waited for may have been removed with the server of those before."""
    while True:
        folder.mkdir(mode=0o755, exist_ok=True)
        lock = (folder / "starting").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if os.path.samestat(os.fstat(lock.fileno()), (folder / "starting").stat()):
                return lock
        except FileNotFoundError:
            pass
        lock.close()


def _is_last(users: TextIOWrapper) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
