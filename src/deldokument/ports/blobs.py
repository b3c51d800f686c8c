"""Contract of the blob store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class BlobWriter(Protocol):
    """One new object under way. Nothing of it is to be seen before ``commit``."""

    def write(self, data: Buffer) -> None:
        """Append. Raises StorageFull or Unavailable; the object is then gone."""
        ...

    def commit(self) -> None:
        """Make the object durable: on stable storage, name included, when this returns.

        Raises StorageFull or Unavailable, and Conflict when another has taken the name; the object is then not to be
        counted on, and what stands of it all the same is for the sweep.
        """
        ...

    def abort(self) -> None:
        """Leave nothing behind. Safe after a failure and after ``commit`` (then it does nothing)."""
        ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """An object that stands in the store."""

    name: str
    size: int
    modified_at: datetime


SHELVES = 256


"""In so many parts a store may be listed, so that who goes through all of it can stop and go on."""


class BlobStore(Protocol):
    """Immutable objects named by 32 hex digits."""

    def deployment_id(self) -> str | None:
        """The id of the deployment that the store belongs to, or None when it has not been claimed."""
        ...

    def claim(self, deployment_id: str) -> None:
        """Write the id into an unclaimed store. Raises Conflict when it belongs to another."""
        ...

    def create(self, name: str, expected: int = 0, /) -> BlobWriter:
        """Begin an object under a name never used before. Raises Conflict when it exists, here or at ``commit``.

        Room for ``expected`` bytes may be set aside, or StorageFull raised; it comes out as long as what is written.
        """
        ...

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop) of the object. Raises Broken when it is missing or shorter."""
        ...

    def delete(self, names: Collection[str]) -> None:
        """Remove objects; those that do not exist are no error. Durable when it returns."""
        ...

    def list(self, shelf: int | None = None) -> Iterator[StoredBlob]:
        """Every object, in constant memory, in no order; or those of one of the SHELVES alone.

        The shelf of an object is the number that the first two digits of its name make.
        """
        ...
