"""Contract of the blob store."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Buffer = bytes | bytearray | memoryview
_NAME = re.compile(r"[0-9a-f]{32}")


def is_blob_name(name: str) -> bool:
    """Return whether an object of a store can have the name: 32 lower-case hex digits."""
    return _NAME.fullmatch(name) is not None


class BlobWriter(Protocol):
    """Writer of one new object. The object is not visible before ``commit``."""

    def write(self, data: Buffer) -> None:
        """Append data.

        Raises: StorageFull or Unavailable; the object is then discarded.
        """
        ...

    def commit(self) -> None:
        """Make the object durable: its bytes and its name are on stable storage on return.

        Raises: StorageFull or Unavailable; Conflict if another object has taken the name. The object may then exist or
        not. The orphan sweep deletes what remains of it.
        """
        ...

    def abort(self) -> None:
        """Discard the object. Safe after a failure; does nothing after ``commit``."""
        ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """An object in the store."""

    name: str
    size: int
    modified_at: datetime


SHELVES = 256
"""The number of partitions in which a store can be listed, so that a full listing can be interrupted and resumed."""


class BlobStore(Protocol):
    """Immutable objects, named by 32 hex digits."""

    def deployment_id(self) -> str | None:
        """Return the id of the deployment that owns the store; None if it is unclaimed."""
        ...

    def claim(self, deployment_id: str) -> None:
        """Write the id into an unclaimed store. Raises: Conflict if another deployment owns the store."""
        ...

    def create(self, name: str, expected: int = 0, /) -> BlobWriter:
        """Begin an object under a name that was never used before.

        ``expected`` is a hint in bytes: the store may reserve that capacity, or raise StorageFull. The object may
        become longer or shorter.

        Raises: Conflict if the object exists, here or at ``commit``.
        """
        ...

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Return bytes [start, stop) of the object. Raises: Broken if it is missing or shorter."""
        ...

    def delete(self, names: Collection[str]) -> None:
        """Remove objects. Missing ones are no error. The removal is durable on return."""
        ...

    def list(self, shelf: int | None = None) -> Iterator[StoredBlob]:
        """Yield every object, or those of one shelf, in any order and in constant memory.

        An object's shelf is the number in the first two hex digits of its name; it is less than SHELVES.
        """
        ...
