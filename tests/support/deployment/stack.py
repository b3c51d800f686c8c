"""What the tests' worlds and deployments stand on: everything embedded, or what a cluster stands on.

The one switch is the environment's TEST_STACK: `embedded` (when it is not there) or `cluster`. Tests do not depend
on it. Those that read files of the embedded form have the marker `embedded`, and the other run omits them.

| | embedded | cluster |
|---|---|---|
| database | SQLite | PostgreSQL, a database for each world |
| blobs | a directory | SeaweedFS, a prefix for each world |
| keyring | an SQLite file | OpenBao's key-value engine, a mount for each world |
| root key | in memory; a deployment's in a file | OpenBao's Transit, a mount for each world |
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

from deldokument.adapters.blobs.directory import DirectoryBlobStore
from deldokument.adapters.blobs.s3 import IN_MEMORY, S3BlobStore
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.keys.openbao_store import OpenBaoStore
from deldokument.ports.blobs import BlobStore
from deldokument.store.migrations import migrate
from tests.support.servers.openbao import Place, Server, create_place, openbao_settings
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.seaweedfs import SeaweedFS, s3_settings
from tests.support.stage.keyrings import file_keyring, openbao_keyring

StackName = Literal["embedded", "cluster"]

_FILE = "deldokument.sqlite3"
_KEYS = "keyring.sqlite3"

People = Callable[[Path, str, SealedKeyring], Any]
"""Adds the people of every stage to an empty database and keyring; its result is kept beside them."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a world of the use cases stands on: a database and a keyring in which the people are, and who they are."""

    database_url: str
    keyring: SealedKeyring
    people: Any


class Stack(Protocol):
    """Where a new world or deployment keeps what it has. Each call is for another one."""

    spooled: int
    """So many bytes a process may hold in memory on their way to the store."""

    def settings(self, folder: Path) -> dict[str, str]:
        """The settings of a deployment's processes besides its folder."""
        ...

    def database_url(self, folder: Path) -> str:
        """A database with today's tables and nothing in them."""
        ...

    def copied_database(self, url: str, folder: Path) -> str:
        """A copy of a database as it is now."""
        ...

    def blobs(self, folder: Path) -> BlobStore:
        """A store in which nothing is."""
        ...

    def keyring(self, folder: Path) -> SealedKeyring:
        """A keyring in which nothing is."""
        ...

    def ground(self, folder: Path, people: People) -> Ground:
        """For one world, which gives it back. The people are made once: to make them takes longer than most tests.

        The database is that of the keyring's deployment.
        """
        ...

    def give_back(self, database_url: str) -> None:
        """Nobody uses the database any more, nor its ground. What else was made goes with the run."""
        ...


class Embedded:
    """Files in the folder."""

    spooled = 0

    def __init__(self) -> None:
        self._spare: list[Path] = []
        """Links to databases that nobody uses any more."""
        self._prepared: dict[People, _Prepared] = {}

    def settings(self, folder: Path) -> dict[str, str]:
        # Its tables exist already at the default path of a deployment, so migrating takes no time.
        path = folder / "data" / _FILE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_database(path, _migrated())
        return {}

    def database_url(self, folder: Path) -> str:
        _make_database(folder / _FILE, _migrated())
        return self._linked(folder)

    def _linked(self, folder: Path) -> str:
        # A name is reused, so that caches by URL already have its statements.
        link = self._spare.pop() if self._spare else Path(_links().name) / secrets.token_hex(8)
        link.unlink(missing_ok=True)
        link.symlink_to(folder / _FILE)
        return f"sqlite:///{link}"

    def copied_database(self, url: str, folder: Path) -> str:
        copy = f"sqlite:///{folder / _FILE}"
        source, target = (sqlite3.connect(one.removeprefix("sqlite:///")) for one in (url, copy))
        with closing(source), closing(target):
            source.backup(target)
        return copy

    def blobs(self, folder: Path) -> BlobStore:
        return DirectoryBlobStore(folder / "blobs")

    def keyring(self, folder: Path) -> SealedKeyring:
        return file_keyring(folder / _KEYS)

    def ground(self, folder: Path, people: People) -> Ground:
        if people not in self._prepared:
            self._prepared[people] = _prepare(people)
        prepared = self._prepared[people]
        for name, content in ((_FILE, prepared.database), (_KEYS, prepared.keyring)):
            (folder / name).touch(0o600)
            (folder / name).write_bytes(content)
        return Ground(self._linked(folder), self.keyring(folder), prepared.people)

    def give_back(self, database_url: str) -> None:
        link = Path(database_url.removeprefix("sqlite:///"))
        # In a deployment it is a file in somebody else's folder.
        if link.is_symlink():
            self._spare.append(link)


@cache
def _links() -> TemporaryDirectory[str]:
    """Where the run's links are, and what belongs to grounds."""
    return TemporaryDirectory()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Files with the people in them."""

    database: bytes
    keyring: bytes
    people: Any


def _prepare(people: People) -> _Prepared:
    with TemporaryDirectory() as name:
        database, keys = Path(name) / _FILE, Path(name) / _KEYS
        _make_database(database, _migrated())
        with closing(file_keyring(keys)) as keyring:
            created = people(Path(name), f"sqlite:///{database}", keyring)
        return _Prepared(database.read_bytes(), keys.read_bytes(), created)


def _make_database(path: Path, content: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("UPDATE deployment SET id = ?", (secrets.token_urlsafe(16),))


@cache
def _migrated() -> bytes:
    """What a file is after its migrations, which take a tenth of a second."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / _FILE
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


@dataclass(frozen=True, slots=True)
class Cluster:
    """Servers of the run. What is made there goes with them."""

    postgres: PostgresServer
    seaweedfs: SeaweedFS
    openbao: Server
    spooled: int = 2 * IN_MEMORY * (8 << 20)
    """Twice their length: a buffer is moved while it grows. Sixteen that grew at once took 200 MiB."""
    _lent: dict[str, _Kept] = field(default_factory=dict)
    """Grounds in use, by database."""
    _spare: dict[People, list[_Kept]] = field(default_factory=dict)

    def settings(self, folder: Path) -> dict[str, str]:
        database = {"database_url": self.database_url(folder)}
        return database | s3_settings(self.seaweedfs.place()) | openbao_settings(create_place(self.openbao, folder))

    def database_url(self, _folder: Path) -> str:
        return self.postgres.fresh()

    def copied_database(self, url: str, _folder: Path) -> str:
        return self.postgres.copied_database(url)

    def blobs(self, _folder: Path) -> BlobStore:
        return S3BlobStore(self.seaweedfs.place())

    def keyring(self, folder: Path) -> SealedKeyring:
        return openbao_keyring(create_place(self.openbao, folder))

    def ground(self, _folder: Path, people: People) -> Ground:
        spare = self._spare.get(people)
        kept = spare.pop() if spare else self._prepare(people)
        self._lent[kept.database_url] = kept
        return Ground(kept.database_url, openbao_keyring(kept.place), kept.people)

    def _prepare(self, people: People) -> _Kept:
        folder, url = Path(tempfile.mkdtemp(dir=_links().name)), self.postgres.new_database()
        place = create_place(self.openbao, folder)
        with closing(openbao_keyring(place)) as keyring:
            created = people(folder, url, keyring)
        self.postgres.keep(url)
        return _Kept(url, place, people, created)

    def give_back(self, database_url: str) -> None:
        kept = self._lent.pop(database_url, None)
        if kept is None:
            self.postgres.give_back(database_url)
        elif kept.restore_keys():
            self.postgres.put_back(database_url)
            self._spare.setdefault(kept.by, []).append(kept)


class _Kept:
    """A database and a place in OpenBao that are put back to how they were once the people were in them."""

    def __init__(self, database_url: str, place: Place, by: People, people: Any) -> None:
        self.database_url, self.place, self.by, self.people = database_url, place, by, people
        self._store = OpenBaoStore(place.connection(), place.keyring_mount, "")
        self._root = self._store.root()
        self._entries = {entry.id: entry for entry in self._store.read(self._store.ids(""))}
        self._values = self._store.list_values("")

    def restore_keys(self) -> bool:
        """False when another root key seals them: that cannot be put back."""
        if self._store.root() != self._root:
            self._store.close()
            return False
        now = {entry.id: entry.sealed for entry in self._store.read(self._store.ids(""))}
        kept = {key for key, entry in self._entries.items() if now.get(key) == entry.sealed}
        # This includes a key that was destroyed and created again under its name.
        self._store.remove(now.keys() - kept)
        self._store.forget_kept(self._store.list_values(""))
        self._store.keep(self._values)
        return all(self._store.add(self._entries[missing]) for missing in self._entries.keys() - kept)


def stack_name() -> StackName:
    """What this run is for."""
    name = os.environ.get("TEST_STACK", "embedded")
    assert name in ("embedded", "cluster"), f"TEST_STACK={name}: embedded or cluster"
    return "cluster" if name == "cluster" else "embedded"


DATABASES = ["sqlite", "postgresql"] if stack_name() == "embedded" else ["postgresql"]
"""For fixtures that make a stage on each database, on every stack of the run."""

_chosen: Stack = Embedded()


def choose(stack: Stack) -> None:
    """For the rest of the run; tests/conftest.py does it once its servers are there."""
    global _chosen
    _chosen = stack


def stack() -> Stack:
    """The one that was chosen."""
    return _chosen
