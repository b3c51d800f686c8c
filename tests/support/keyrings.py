"""Keyrings for tests: in a file for what stands on one, and in every kind of store for their contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deldokument.adapters.keys import postgres
from deldokument.adapters.keys.keyring import RootKeys, SealedEntry, SealedKeyring, SealedStore
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.crypto.keys import RootKey
from tests.fakes.root_keys import MemoryRootKeys
from tests.support.postgres import PostgresServer

ROOT = RootKey("root-1", bytes(range(32)))

Opening = Callable[[str], SealedStore]
"""Opens a store, whose new entries are under the root key of that name if it is new; every time the same one."""

STORES = ["sqlite", "postgresql"]


def file_keyring(path: Path, *roots: RootKey) -> SealedKeyring:
    """A keyring in an SQLite file, under root keys that any process of a test knows."""
    held = MemoryRootKeys(*(roots or (ROOT,)))
    return SealedKeyring(SqliteStore(path, held.ids()[-1]), held)


def opened(opening: Opening, roots: RootKeys) -> SealedKeyring:
    """A keyring as one more node opens it."""
    return SealedKeyring(opening(roots.ids()[-1]), roots)


def all_entries(opening: Opening) -> list[SealedEntry]:
    """What a copy of the store holds."""
    with closing(opening("")) as store:
        return store.read(store.ids(""))


@pytest.fixture
def sqlite_opening(tmp_path: Path) -> Opening:
    """A file of the test's own."""
    return lambda root: SqliteStore(tmp_path / "keys" / "keyring.sqlite3", root)


@pytest.fixture
def keyring_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A PostgreSQL database of the test's own with a keyring's tables."""
    with postgres_server.database(template="template0") as url:
        postgres.prepare(url)
        yield url


@pytest.fixture
def postgresql_opening(keyring_url: str) -> Opening:
    """The same, to be opened."""
    return lambda root: postgres.PostgresStore(keyring_url, root)


@pytest.fixture(params=STORES)
def opening(request: pytest.FixtureRequest) -> Opening:
    """A new store of each kind."""
    made: Opening = request.getfixturevalue(f"{request.param}_opening")
    return made
