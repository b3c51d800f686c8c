"""A blob store in memory, for tests of what stands on one; it passes the contract suite."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from deldokument.domain.errors import Broken, Conflict
from deldokument.ports.blobs import Buffer, StoredBlob


class MemoryBlobStore:
    """Satisfies `BlobStore`. ``objects`` may be looked into and tampered with."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.modified: dict[str, datetime] = {}
        self._owner: str | None = None

    def deployment_id(self) -> str | None:
        return self._owner

    def claim(self, deployment_id: str) -> None:
        if self._owner not in (None, deployment_id):
            raise Conflict("blob_store_claimed")
        self._owner = deployment_id

    def create(self, name: str, _expected: int = 0, /) -> MemoryBlobWriter:
        if _checked(name) in self.objects:
            raise Conflict("blob_exists")
        return MemoryBlobWriter(self, name)

    def read(self, name: str, start: int, stop: int) -> bytes:
        if not 0 <= start <= stop:
            raise ValueError("range")
        content = self.objects.get(_checked(name))
        if content is None or len(content) < stop:
            raise Broken(name)
        return content[start:stop]

    def delete(self, names: Collection[str]) -> None:
        for name in [_checked(name) for name in names]:
            self.objects.pop(name, None)

    def list(self, shelf: int | None = None) -> Iterator[StoredBlob]:
        first = "" if shelf is None else f"{shelf:02x}"
        for name, content in [item for item in self.objects.items() if item[0].startswith(first)]:
            yield StoredBlob(name, len(content), self.modified[name])


class MemoryBlobWriter:
    """Satisfies `BlobWriter`."""

    def __init__(self, store: MemoryBlobStore, name: str) -> None:
        self._store = store
        self._name = name
        self._content: bytearray | None = bytearray()

    def write(self, data: Buffer) -> None:
        self._open().extend(memoryview(data).cast("B"))

    def commit(self) -> None:
        self._store.objects[self._name] = bytes(self._open())
        self._store.modified[self._name] = datetime.now(UTC)
        self._content = None

    def abort(self) -> None:
        self._content = None

    def _open(self) -> bytearray:
        if self._content is None:
            raise ValueError("committed or gone")
        return self._content


def _checked(name: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", name):
        raise ValueError("name")
    return name
