"""Ports that wrap the real ones and fail where a test says so."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deldokument.domain.errors import ServiceError, StorageFull, Unavailable
from deldokument.domain.identifiers import OrganizationNumber
from deldokument.ports.blobs import BlobStore, BlobWriter, Buffer, StoredBlob
from deldokument.ports.keyring import Keyring
from deldokument.ports.registers import OrganizationRegister, RegisteredOrganization
from deldokument.store.database import Database
from deldokument.store.transaction import Transaction


class Crash(BaseException):
    """The process is killed here. Nothing catches it."""


@dataclass
class FaultyDatabase:
    """``before``, ``between``: what happens elsewhere just before the next writes, or reads, in order. ``lost``: the
    next commit takes place and its answer gets lost. ``fail``: the next commit does not take place. ``reads``: how many
    more reads take place before nobody answers any more; None for all."""

    inner: Database
    before: list[Callable[[], object]] = field(default_factory=list)
    between: list[Callable[[], object]] = field(default_factory=list)
    lost: bool = False
    fail: BaseException | None = None
    reads: int | None = None

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        if self.reads is not None:
            self.reads -= 1
            if self.reads < 0:
                raise Unavailable("database")
        if self.between:
            self.between.pop(0)()
        with self.inner.read() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        if self.before:
            self.before.pop(0)()
        with self.inner.write() as tx:
            yield tx
            failure, self.fail = self.fail, None
            if failure is not None:
                raise failure
        lost, self.lost = self.lost, False
        if lost:
            raise Unavailable("database", detail="the connection broke after the commit")


@dataclass
class SmallBlobStore:
    """A disk with ``free`` bytes. ``open`` counts objects that were begun and neither committed nor aborted."""

    inner: BlobStore
    free: int
    at_commit: bool = False
    open: int = 0
    broken: ServiceError | None = None
    expected: list[int] = field(default_factory=list)
    """Of each object that was begun."""
    full_at: frozenset[int] = frozenset()
    """The commits, from 1, that find no room, though others do."""
    commits: int = 0

    def deployment_id(self) -> str | None:
        return self.inner.deployment_id()

    def claim(self, deployment_id: str) -> None:
        self.inner.claim(deployment_id)

    def create(self, name: str, expected: int = 0, /) -> BlobWriter:
        if self.broken:
            raise self.broken
        self.open += 1
        self.expected.append(expected)
        return _SmallWriter(self, self.inner.create(name, expected))

    def read(self, name: str, start: int, stop: int) -> bytes:
        return self.inner.read(name, start, stop)

    def delete(self, names: Collection[str]) -> None:
        self.inner.delete(names)

    def list(self, shelf: int | None = None) -> Iterator[StoredBlob]:
        return self.inner.list(shelf)


class _SmallWriter:
    def __init__(self, store: SmallBlobStore, inner: BlobWriter) -> None:
        self._store = store
        self._inner = inner
        self._is_open = True

    def write(self, data: Buffer) -> None:
        size = memoryview(data).nbytes
        if size > self._store.free and not self._store.at_commit:
            raise StorageFull("ENOSPC")
        self._store.free -= size
        self._inner.write(data)

    def commit(self) -> None:
        self._store.commits += 1
        if self._store.free < 0 or self._store.commits in self._store.full_at:
            raise StorageFull("ENOSPC")
        self._inner.commit()
        self._close()

    def abort(self) -> None:
        self._inner.abort()
        self._close()

    def _close(self) -> None:
        self._store.open -= self._is_open
        self._is_open = False


@dataclass
class FaultyKeyring:
    """``before_get``: what happens elsewhere just before the next look at a key of that prefix. ``dies_after_destroy``:
    the process is killed when the keys are gone."""

    inner: Keyring
    before_get: dict[str, Callable[[], Any]] = field(default_factory=dict)
    dies_after_destroy: bool = False

    def create(self, entry_id: str) -> bytes:
        return self.inner.create(entry_id)

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        for prefix in [p for p in self.before_get if any(i.startswith(p) for i in entry_ids)]:
            self.before_get.pop(prefix)()
        return self.inner.get(entry_ids)

    def ids(self, prefix: str) -> list[str]:
        return self.inner.ids(prefix)

    def destroy(self, entry_ids: Collection[str]) -> None:
        self.inner.destroy(entry_ids)
        if self.dies_after_destroy:
            raise Crash

    def keep(self, values: Mapping[str, bytes]) -> None:
        self.inner.keep(values)

    def list_values(self, prefix: str) -> dict[str, bytes]:
        return self.inner.list_values(prefix)


@dataclass
class SlowRegister:
    """``meanwhile``: what happens elsewhere while it is asked, in order."""

    inner: OrganizationRegister
    meanwhile: list[Callable[[], object]]

    def find(self, number: OrganizationNumber) -> RegisteredOrganization | None:
        if self.meanwhile:
            self.meanwhile.pop(0)()
        return self.inner.find(number)


@dataclass
class SilentClock:
    """The database's clock, with a database that is gone."""

    at: datetime
    silent: bool = False

    def now(self) -> datetime:
        if self.silent:
            raise Unavailable("database")
        return self.at

    def skew(self) -> timedelta:
        return timedelta()
