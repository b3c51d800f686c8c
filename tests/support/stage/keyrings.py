"""Keyrings for tests: in a file for what stands on one, and in every kind of store for their contract."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from deldokument.adapters.keys import postgres
from deldokument.adapters.keys.files import FileRootKeys, create_root_key
from deldokument.adapters.keys.keyring import RootKeys, SealedEntry, SealedKeyring, SealedStore
from deldokument.adapters.keys.openbao_store import OpenBaoStore
from deldokument.adapters.keys.pkcs11 import Pkcs11RootKeys
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.adapters.keys.transit import TransitRootKeys
from deldokument.crypto.keys import RootKey
from tests.fakes.root_keys import MemoryRootKeys
from tests.support.servers.openbao import Place
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.softhsm import MODULE, Token

ROOT = RootKey("root-1", bytes(range(32)))

Opening = Callable[[str], SealedStore]
"""Opens a store, whose new entries are under the root key of that name if it is new; every time the same one."""

ROOTS = ["memory", "file", "transit", "pkcs11"]
STORES = ["sqlite", "postgresql", "openbao"]


@dataclass(frozen=True, slots=True)
class RootPlace:
    """A place where root keys are."""

    open: Callable[[], RootKeys]
    """As one more node opens it."""
    prepare: Callable[[], None]
    """Makes another root key, as its operator does."""
    finish: Callable[[str], None] = lambda _kept: None
    """Destroys all but one, where it is left to somebody else."""


def file_keyring(path: Path, *roots: RootKey) -> SealedKeyring:
    """A keyring in an SQLite file, under root keys that any process of a test knows."""
    held = MemoryRootKeys(*(roots or (ROOT,)))
    return SealedKeyring(SqliteStore(path, held.ids()[-1]), held)


def openbao_keyring(place: Place) -> SealedKeyring:
    """A keyring in OpenBao under a root key in its Transit, opened with no more rights than the service has."""
    roots = TransitRootKeys(place.connection(), place.transit_mount, "deldokument")
    return SealedKeyring(OpenBaoStore(place.connection(), place.keyring_mount, roots.ids()[-1]), roots)


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


@pytest.fixture
def openbao_opening(bao_place: Place) -> Opening:
    """A mount of the test's own in OpenBao, opened with no more rights than the service has."""
    return lambda root: OpenBaoStore(bao_place.connection(), bao_place.keyring_mount, root)


@pytest.fixture(params=STORES)
def opening(request: pytest.FixtureRequest) -> Opening:
    """A new store of each kind."""
    chosen: Opening = request.getfixturevalue(f"{request.param}_opening")
    return chosen


@pytest.fixture
def memory_roots() -> RootPlace:
    """One root key in memory, to begin with."""
    held = MemoryRootKeys()
    return RootPlace(lambda: held, held.add)


@pytest.fixture
def file_roots(tmp_path: Path) -> RootPlace:
    """The same in a file."""
    path = tmp_path / "root.key"
    create_root_key(path)
    return RootPlace(lambda: FileRootKeys(path), lambda: FileRootKeys(path).add())


@pytest.fixture
def transit_roots(bao_place: Place) -> RootPlace:
    """The same in OpenBao's Transit, opened with no more rights than the service has."""

    def finish(kept: str) -> None:
        bao_place.trim(int(kept.split("-")[1]))

    mount = bao_place.transit_mount
    return RootPlace(lambda: TransitRootKeys(bao_place.connection(), mount, "deldokument"), bao_place.rotate, finish)


@pytest.fixture
def pkcs11_roots(hsm: Token) -> RootPlace:
    """The same in a hardware security module."""

    def opened() -> Pkcs11RootKeys:
        return Pkcs11RootKeys(MODULE, hsm.name, hsm.pin, hsm.label)

    def prepare() -> None:
        with closing(opened()) as keys:
            keys.add()

    prepare()
    return RootPlace(opened, prepare)


@pytest.fixture(params=ROOTS)
def root_place(request: pytest.FixtureRequest) -> RootPlace:
    """Root keys of each kind, one to begin with."""
    chosen: RootPlace = request.getfixturevalue(f"{request.param}_roots")
    return chosen
