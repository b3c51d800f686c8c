"""A deployment works with its own store and keyring, or not at all."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from deldokument.domain.errors import Broken, Conflict
from deldokument.services.encryption import DIRECTORY, INTEGRITY, CachedDeploymentKeys
from deldokument.services.maintenance.deployment_claims import adopt_keyring, check_keyring, claim_store
from deldokument.store.database import Database
from deldokument.store.maintenance.deployment import Deployment
from tests.fakes.blobs import MemoryBlobStore
from tests.fakes.keyring import MemoryKeyring
from tests.support.deployment.stack import stack
from tests.support.stage.stage import NOON


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With today's tables and nothing in them."""
    url = stack().database_url(tmp_path)
    with closing(Database(url)) as opened:
        yield opened
    stack().give_back(url)


@pytest.fixture
def keyring() -> MemoryKeyring:
    return MemoryKeyring()


def deployment(database: Database) -> Deployment:
    with database.read() as tx:
        return tx.deployment.get()


def work(database: Database) -> None:
    """A worker has run."""
    with database.write() as tx:
        tx.deployment.record_heartbeat(NOON)


def test_the_first_keyring_is_taken_into_use_and_no_other_after_it(database: Database, keyring: MemoryKeyring) -> None:
    adopt_keyring(database, keyring, is_new=True)
    assert set(keyring.keys) == {DIRECTORY, INTEGRITY}
    assert keyring.owner == deployment(database).id
    adopt_keyring(database, keyring, is_new=False)
    check_keyring(keyring, deployment(database))
    other = MemoryKeyring()
    other.create(INTEGRITY)
    other.create(DIRECTORY)
    for is_new in (True, False):
        with pytest.raises(Conflict, match="not the keyring"):
            adopt_keyring(database, other, is_new=is_new)
    assert other.owner == ""


def test_an_empty_keyring_is_refused_and_left_empty_once_one_is_in_use(database: Database) -> None:
    adopt_keyring(database, MemoryKeyring(), is_new=True)
    empty = MemoryKeyring()
    for is_new in (True, False):
        with pytest.raises(Conflict, match="the keyring is empty"):
            adopt_keyring(database, empty, is_new=is_new)
    assert (empty.keys, empty.owner) == ({}, "")


def test_nothing_but_the_first_migration_makes_the_keys(database: Database, keyring: MemoryKeyring) -> None:
    with pytest.raises(Conflict, match="deldokument migrate"):
        adopt_keyring(database, keyring, is_new=False)
    assert (keyring.keys, keyring.owner) == ({}, "")


@pytest.mark.parametrize("existing", [[INTEGRITY], [INTEGRITY, DIRECTORY]])
def test_a_migration_that_stopped_between_the_keys_and_their_fingerprint_is_repeated(
    database: Database, keyring: MemoryKeyring, existing: list[str]
) -> None:
    before = {entry_id: keyring.create(entry_id) for entry_id in existing}
    adopt_keyring(database, keyring, is_new=True)
    assert set(keyring.keys) == {DIRECTORY, INTEGRITY}
    assert keyring.keys | before == keyring.keys
    check_keyring(keyring, deployment(database))


@pytest.mark.parametrize("lost", [DIRECTORY, INTEGRITY])
def test_a_lost_key_is_neither_accepted_nor_created_again(
    database: Database, keyring: MemoryKeyring, lost: str
) -> None:
    adopt_keyring(database, keyring, is_new=True)
    keyring.destroy([lost])
    for is_new in (True, False):
        with pytest.raises(Conflict, match="lacks a key"):
            adopt_keyring(database, keyring, is_new=is_new)
    assert lost not in keyring.keys


def test_the_directory_key_is_read_once(keyring: MemoryKeyring) -> None:
    keys = CachedDeploymentKeys(keyring)
    with pytest.raises(Broken, match="no key directory"):
        keys.directory_key()
    key = keyring.create(DIRECTORY)
    assert keys.directory_key() == key
    keyring.destroy([DIRECTORY])
    assert keys.directory_key() == key


def test_the_keys_of_tags_are_kept(keyring: MemoryKeyring) -> None:
    keys = CachedDeploymentKeys(keyring)
    with pytest.raises(Broken, match="no key integrity"):
        keys.row_key("member")
    keyring.create(INTEGRITY)
    assert keys.row_key("member") != keys.row_key("operator")
    before = keys.row_key("member")
    keyring.destroy([INTEGRITY])
    assert keys.row_key("member") == before


def test_a_deployment_that_has_worked_takes_no_empty_keyring(database: Database, keyring: MemoryKeyring) -> None:
    work(database)
    for is_new in (True, False):
        with pytest.raises(Conflict, match="the keyring is empty"):
            adopt_keyring(database, keyring, is_new=is_new)
    assert (keyring.keys, keyring.owner) == ({}, "")


def test_another_deployments_keyring_is_refused_and_not_remembered(database: Database, keyring: MemoryKeyring) -> None:
    keyring.create(DIRECTORY)
    keyring.claim("another")
    with pytest.raises(Conflict, match="belongs to another deployment"):
        adopt_keyring(database, keyring, is_new=True)
    assert deployment(database).keyring_fingerprint is None


def test_the_fingerprint_is_of_both_the_key_and_the_deployment(database: Database, keyring: MemoryKeyring) -> None:
    adopt_keyring(database, keyring, is_new=True)
    own = deployment(database)
    assert keyring.keys[DIRECTORY] not in (own.keyring_fingerprint or b"")
    with pytest.raises(Conflict):
        check_keyring(keyring, Deployment("another", None, None, None, own.keyring_fingerprint))
    with pytest.raises(Conflict):
        check_keyring(keyring, Deployment(own.id, None, None, None))


def test_an_empty_store_is_taken_before_a_worker_has_run_and_refused_after_it(database: Database) -> None:
    store = MemoryBlobStore()
    for _ in range(2):
        claim_store(database, store)
    work(database)
    claim_store(database, store)
    with pytest.raises(Conflict, match="the blob store is empty"):
        claim_store(database, MemoryBlobStore())
