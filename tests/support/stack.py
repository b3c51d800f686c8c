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
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from deldokument.adapters.blobs import DirectoryBlobStore
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.s3_blobs import IN_MEMORY, S3BlobStore
from deldokument.services.ports import BlobStore
from tests.support.keyrings import file_keyring, openbao_keyring
from tests.support.openbao import Server, made_place, openbao_settings
from tests.support.postgres import PostgresServer
from tests.support.seaweedfs import SeaweedFS, s3_settings

StackName = Literal["embedded", "cluster"]


class Stack(Protocol):
    """Where a new world or deployment keeps what it has. Each call is for another one."""

    spooled: int
    """So many bytes a process may hold in memory on their way to the store."""

    def settings(self, folder: Path) -> dict[str, str]:
        """What the processes of a deployment are told besides its folder."""
        ...

    def database_url(self, folder: Path) -> str:
        """A database in which nothing is, with tables or without."""
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

    def give_back(self, database_url: str) -> None:
        """Nobody uses the database any more. What else was made goes with the run."""
        ...


class Embedded:
    """Files in the folder."""

    spooled = 0

    def settings(self, folder: Path) -> dict[str, str]:
        return {}

    def database_url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'deldokument.sqlite3'}"

    def copied_database(self, url: str, folder: Path) -> str:
        copy = self.database_url(folder)
        source, target = (sqlite3.connect(one.removeprefix("sqlite:///")) for one in (url, copy))
        with closing(source), closing(target):
            source.backup(target)
        return copy

    def blobs(self, folder: Path) -> BlobStore:
        return DirectoryBlobStore(folder / "blobs")

    def keyring(self, folder: Path) -> SealedKeyring:
        return file_keyring(folder / "keyring.sqlite3")

    def give_back(self, database_url: str) -> None:
        """The folder is somebody else's."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Servers of the run. What is made there goes with them."""

    postgres: PostgresServer
    seaweedfs: SeaweedFS
    openbao: Server
    spare: list[str] = field(default_factory=list)
    """Databases in which nothing is any more."""
    spooled: int = IN_MEMORY * (8 << 20)

    def settings(self, folder: Path) -> dict[str, str]:
        database = {"database_url": self.database_url(folder)}
        return database | s3_settings(self.seaweedfs.place()) | openbao_settings(made_place(self.openbao, folder))

    def database_url(self, folder: Path) -> str:
        return self.spare.pop() if self.spare else self.postgres.new_database()

    def copied_database(self, url: str, folder: Path) -> str:
        return self.postgres.copied_database(url)

    def blobs(self, folder: Path) -> BlobStore:
        return S3BlobStore(self.seaweedfs.place())

    def keyring(self, folder: Path) -> SealedKeyring:
        return openbao_keyring(made_place(self.openbao, folder))

    def give_back(self, database_url: str) -> None:
        self.postgres.empty(database_url)
        self.spare.append(database_url)


def stack_name() -> StackName:
    """What this run is for."""
    name = os.environ.get("TEST_STACK", "embedded")
    assert name in ("embedded", "cluster"), f"TEST_STACK={name}: embedded or cluster"
    return "cluster" if name == "cluster" else "embedded"


_chosen: Stack = Embedded()


def choose(stack: Stack) -> None:
    """For the rest of the run; tests/conftest.py does it once its servers are there."""
    global _chosen
    _chosen = stack


def stack() -> Stack:
    """The one that was chosen."""
    return _chosen
