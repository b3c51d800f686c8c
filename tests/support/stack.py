"""What the tests' worlds and deployments stand on: everything embedded, or what a cluster stands on.

The one switch is the environment's TEST_STACK: `embedded` (when it is not there) or `cluster`. Tests say nothing of it;
those that look into files of the embedded form have the marker `embedded` and are left out of the other run.

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
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

import obstore

from deldokument.adapters.blobs import DirectoryBlobStore
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.s3_blobs import IN_MEMORY, S3BlobStore
from deldokument.adapters.sql.migrations import migrate
from deldokument.services.ports import BlobStore
from tests.support.keyrings import file_keyring, openbao_keyring
from tests.support.openbao import Server, made_place, openbao_settings
from tests.support.postgres import PostgresServer
from tests.support.seaweedfs import SeaweedFS, client_of, s3_settings

StackName = Literal["embedded", "cluster"]

_FILE = "deldokument.sqlite3"


class Stack(Protocol):
    """Where a new world or deployment keeps what it has. Each call is for another one."""

    spooled: int
    """So many bytes a process may hold in memory on their way to the store."""

    def settings(self, folder: Path) -> dict[str, str]:
        """What the processes of a deployment are told besides its folder."""
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

    def moved_blobs(self, directory: Path) -> dict[str, str]:
        """Copy a directory's blobs to where they are kept; what the processes of their deployment are told then."""
        ...

    def keyring(self, folder: Path) -> SealedKeyring:
        """A keyring in which nothing is."""
        ...

    def give_back(self, database_url: str) -> None:
        """Nobody uses the database any more. What else was made goes with the run."""
        ...


class Embedded:
    """Files in the folder."""

    spooled = 0

    def __init__(self) -> None:
        self._spare: list[Path] = []
        """Links to databases that nobody uses any more."""

    def settings(self, folder: Path) -> dict[str, str]:
        # Its tables are made already where a deployment's are by default: to migrate then takes no time.
        path = folder / "data" / _FILE
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_database(path)
        return {}

    def database_url(self, folder: Path) -> str:
        _make_database(folder / _FILE)
        # By a name that is used again, so that whoever knows a database at it knows its statements already.
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

    def moved_blobs(self, directory: Path) -> dict[str, str]:
        return {}

    def keyring(self, folder: Path) -> SealedKeyring:
        return file_keyring(folder / "keyring.sqlite3")

    def give_back(self, database_url: str) -> None:
        link = Path(database_url.removeprefix("sqlite:///"))
        # A deployment's is a file in somebody else's folder.
        if link.is_symlink():
            self._spare.append(link)


@cache
def _links() -> TemporaryDirectory[str]:
    """Where the run's links are."""
    return TemporaryDirectory()


def _make_database(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(_migrated())
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
    spooled: int = IN_MEMORY * (8 << 20)

    def settings(self, folder: Path) -> dict[str, str]:
        database = {"database_url": self.database_url(folder)}
        return database | s3_settings(self.seaweedfs.place()) | openbao_settings(made_place(self.openbao, folder))

    def database_url(self, folder: Path) -> str:
        return self.postgres.fresh()

    def copied_database(self, url: str, folder: Path) -> str:
        return self.postgres.copied_database(url)

    def blobs(self, folder: Path) -> BlobStore:
        return S3BlobStore(self.seaweedfs.place())

    def moved_blobs(self, directory: Path) -> dict[str, str]:
        place = self.seaweedfs.place()
        for path in directory.rglob("*"):
            if path.is_file():
                obstore.put(client_of(place), str(path.relative_to(directory)), path)
        return s3_settings(place)

    def keyring(self, folder: Path) -> SealedKeyring:
        return openbao_keyring(made_place(self.openbao, folder))

    def give_back(self, database_url: str) -> None:
        self.postgres.give_back(database_url)


def stack_name() -> StackName:
    """What this run is for."""
    name = os.environ.get("TEST_STACK", "embedded")
    assert name in ("embedded", "cluster"), f"TEST_STACK={name}: embedded or cluster"
    return "cluster" if name == "cluster" else "embedded"


DATABASES = ["sqlite", "postgresql"] if stack_name() == "embedded" else ["postgresql"]
"""For fixtures that make a world on each database, whatever the run stands on."""

_chosen: Stack = Embedded()


def choose(stack: Stack) -> None:
    """For the rest of the run; tests/conftest.py does it once its servers are there."""
    global _chosen
    _chosen = stack


def stack() -> Stack:
    """The one that was chosen."""
    return _chosen
