"""What the tests' worlds and deployments stand on: everything embedded, or what a cluster stands on.

The one switch is the environment's TEST_STACK: `embedded` (when it is not there) or `cluster`. Tests say nothing of it;
those that look into files of the embedded form have the marker `embedded` and are left out of the other run.

| | embedded | cluster |
|---|---|---|
| database | SQLite | PostgreSQL, a database for each world |
| blobs | a directory | SeaweedFS, a prefix for each world |
| keyring | an SQLite file | the same |
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from deldokument.adapters.blobs import DirectoryBlobStore
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.s3_blobs import S3BlobStore
from deldokument.services.ports import BlobStore
from tests.support.keyrings import file_keyring
from tests.support.postgres import PostgresServer
from tests.support.seaweedfs import SeaweedFS, s3_settings

StackName = Literal["embedded", "cluster"]


class Stack(Protocol):
    """Where a new world or deployment keeps what it has. Each call is for another one."""

    def settings(self) -> dict[str, str]:
        """What the processes of a deployment are told besides its folder."""
        ...

    def database_url(self, folder: Path) -> str:
        """A database in which nothing is, with tables or without."""
        ...

    def blobs(self, folder: Path) -> BlobStore:
        """A store in which nothing is."""
        ...

    def keyring(self, folder: Path) -> SealedKeyring:
        """A keyring in which nothing is."""
        ...


class Embedded:
    """Files in the folder."""

    def settings(self) -> dict[str, str]:
        return {}

    def database_url(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'deldokument.sqlite3'}"

    def blobs(self, folder: Path) -> BlobStore:
        return DirectoryBlobStore(folder / "blobs")

    def keyring(self, folder: Path) -> SealedKeyring:
        return file_keyring(folder / "keyring.sqlite3")


@dataclass(frozen=True, slots=True)
class Cluster(Embedded):
    """Servers of the run. What is made there goes with them."""

    postgres: PostgresServer
    seaweedfs: SeaweedFS

    def settings(self) -> dict[str, str]:
        return {"database_url": self.postgres.new_database()} | s3_settings(self.seaweedfs.place())

    def database_url(self, folder: Path) -> str:
        return self.postgres.new_database()

    def blobs(self, folder: Path) -> BlobStore:
        return S3BlobStore(self.seaweedfs.place())


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
