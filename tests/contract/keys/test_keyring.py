"""The contract of keyrings: in memory, and sealed in every kind of store."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from deldokument.adapters.keys.keyring import OWNER, SealedEntry, SealedKeyring, rotate_root
from deldokument.crypto.keys import RootKey
from deldokument.domain.errors import Broken, Conflict, Unavailable
from deldokument.ports.keyring import Keyring
from deldokument.services.maintenance.deployment_claims import adopt_keyring
from deldokument.store.database import Database
from deldokument.store.migrations import migrate
from tests.fakes.keyring import MemoryKeyring
from tests.fakes.root_keys import MemoryRootKeys
from tests.support.stage.keyrings import STORES, Opening, all_entries, opened

ROOT = RootKey("root-1", b"1" * 32)


@pytest.fixture(params=["memory", *STORES])
def keyring(request: pytest.FixtureRequest) -> Iterator[Keyring]:
    if request.param == "memory":
        yield MemoryKeyring()
        return
    opening: Opening = request.getfixturevalue(f"{request.param}_opening")
    with closing(opened(opening, MemoryRootKeys(ROOT))) as new:
        yield new


@pytest.fixture
def sealed(opening: Opening) -> Iterator[SealedKeyring]:
    with closing(opened(opening, MemoryRootKeys(ROOT))) as new:
        yield new


def on_event_loop(*steps: Callable[[], object]) -> None:
    threads = [threading.Thread(target=step) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_key_is_created_once(keyring: Keyring) -> None:
    key = keyring.create("share/1")
    assert len(key) == 32
    assert keyring.create("share/1") == key
    assert keyring.get(["share/1"]) == {"share/1": key}


def test_every_entry_has_a_key_of_its_own(keyring: Keyring) -> None:
    assert len({keyring.create(f"share/{number}") for number in range(50)}) == 50


def test_only_entries_that_exist_are_got(keyring: Keyring) -> None:
    key = keyring.create("share/1")
    assert keyring.get(["share/1", "share/2", "share", ""]) == {"share/1": key}
    assert keyring.get([]) == keyring.get([""]) == {}


def test_more_than_a_thousand_are_got_and_destroyed_at_once(keyring: Keyring) -> None:
    keys = {entry_id: keyring.create(entry_id) for entry_id in ("share/1", "audit/1")}
    absent = [f"share/{number}" for number in range(2, 1_100)]
    assert keyring.get([*keys, *absent]) == keys
    keyring.destroy([*keys, *absent])
    assert keyring.ids("") == []


def test_a_keyring_has_one_owner(keyring: Keyring) -> None:
    for _ in range(2):
        keyring.claim("one")
    with pytest.raises(Conflict, match="belongs to another deployment"):
        keyring.claim("other")


def test_a_keyring_without_its_entries_is_refused_wherever_it_is_kept(keyring: Keyring, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deployment.sqlite3'}"
    migrate(url)
    with closing(Database(url)) as database:
        adopt_keyring(database, keyring, is_new=True)
        adopt_keyring(database, keyring, is_new=False)
        keyring.destroy(keyring.ids(""))
        with pytest.raises(Conflict, match="the keyring is empty"):
            adopt_keyring(database, keyring, is_new=True)
        assert keyring.ids("") == []


def test_ids_are_found_by_how_they_begin(keyring: Keyring) -> None:
    for entry_id in ("share/1", "share/12", "share_x", "shares", "audit/t%/2026-01", "audit/tt/2026-01"):
        keyring.create(entry_id)
    assert sorted(keyring.ids("share/")) == ["share/1", "share/12"]
    assert keyring.ids("audit/t%") == ["audit/t%/2026-01"]
    assert keyring.ids("share_") == ["share_x"]
    assert len(keyring.ids("")) == 6
    assert keyring.ids("nothing") == []


def test_a_destroyed_entry_is_gone_and_another_key_takes_its_name(keyring: Keyring) -> None:
    key, kept = keyring.create("share/1"), keyring.create("share/2")
    keyring.destroy(["share/1", "share/unknown"])
    keyring.destroy(["share/1"])
    assert keyring.get(["share/1", "share/2"]) == {"share/2": kept}
    assert keyring.create("share/1") != key


def test_an_entry_needs_an_id(keyring: Keyring) -> None:
    with pytest.raises(ValueError, match="id"):
        keyring.create("")


def test_many_threads_agree_on_one_key(keyring: Keyring) -> None:
    found: list[bytes] = []
    on_event_loop(*[lambda: found.append(keyring.create("share/1"))] * 8)
    assert (len(found), len(set(found))) == (8, 1)


def test_named_values_are_kept_replaced_and_forgotten_beside_the_keys(keyring: Keyring) -> None:
    keyring.create("head:b")
    keyring.keep({"head:a": b"1", "head:b": b"2", "removal:a:1": b"3", "removal:a:2": b"4", "removal:å%:1": b""})
    keyring.keep({"head:b": b"22"})
    assert keyring.list_values("head:") == {"head:a": b"1", "head:b": b"22"}
    assert keyring.list_values("removal:a:") == {"removal:a:1": b"3", "removal:a:2": b"4"}
    assert len(keyring.list_values("removal:")) == 3
    keyring.forget_kept(["removal:a:1", "head:a", "head:unknown", "removal:unknown:1"])
    assert keyring.list_values("") == {"head:b": b"22", "removal:a:2": b"4", "removal:å%:1": b""}
    assert keyring.list_values("removal:a:1") == keyring.list_values("nothing:") == {}
    keyring.keep({})
    keyring.forget_kept([])
    assert keyring.ids("") == ["head:b"]


def test_many_threads_keep_values_at_once(keyring: Keyring) -> None:
    on_event_loop(*[partial(keyring.keep, {f"head:{number}": b"1"}) for number in range(8)])
    assert len(keyring.list_values("head:")) == 8


def test_a_rotation_leaves_the_named_values_as_they_are(sealed: SealedKeyring) -> None:
    sealed.keep({"head:a": b"1"})
    sealed.roots.add()
    sealed.rotate(sealed.roots.ids()[-1])
    assert sealed.list_values("") == {"head:a": b"1"}


def test_nodes_agree_on_one_key(opening: Opening) -> None:
    roots = MemoryRootKeys(ROOT)
    with closing(opened(opening, roots)) as one, closing(opened(opening, roots)) as other:
        assert one.create("share/1") == other.create("share/1")
        other.destroy(["share/1"])
        assert one.get(["share/1"]) == {}


def test_a_keyring_is_there_again_when_it_is_opened_again(opening: Opening) -> None:
    with closing(opened(opening, MemoryRootKeys(ROOT))) as keyring:
        keys = {entry_id: keyring.create(entry_id) for entry_id in ("share/1", "audit/å%/1")}
    with closing(opened(opening, MemoryRootKeys(ROOT))) as again:
        assert again.get(list(keys)) == keys


def test_two_deployments_that_share_a_keyring_by_mistake_are_refused(opening: Opening) -> None:
    with closing(opened(opening, MemoryRootKeys(ROOT))) as keyring:
        key = keyring.create("share/1")
        for _ in range(2):
            keyring.claim("one")
        rotate_root(keyring)
        with pytest.raises(Conflict, match="belongs to another deployment"):
            keyring.claim("other")
        keyring.claim("one")
        assert keyring.get(["share/1"]) == {"share/1": key}


def test_of_two_deployments_that_claim_a_keyring_at_once_one_gets_it(opening: Opening) -> None:
    refused: list[str] = []
    with closing(opened(opening, MemoryRootKeys(ROOT))) as keyring:

        def claim(deployment_id: str) -> None:
            try:
                keyring.claim(deployment_id)
            except Conflict:
                refused.append(deployment_id)

        on_event_loop(lambda: claim("one"), lambda: claim("other"))
        assert len(refused) == 1
        assert keyring.ids("") == [OWNER]


def test_a_store_never_sees_a_key(sealed: SealedKeyring, opening: Opening) -> None:
    key = sealed.create("share/1")
    (entry,) = all_entries(opening)
    assert (entry.id, entry.root_key_id) == ("share/1", "root-1")
    assert key not in entry.sealed


def test_an_entry_cannot_take_the_place_of_another(sealed: SealedKeyring, opening: Opening) -> None:
    kept = sealed.create("share/1")
    (entry,) = all_entries(opening)
    with closing(opening("")) as store:
        assert store.add(SealedEntry("share/2", "root-1", entry.sealed))
    with pytest.raises(Broken, match="share/2"):
        sealed.get(["share/1", "share/2"])
    assert sealed.get(["share/1"]) == {"share/1": kept}


def test_a_keyring_under_another_root_key_is_not_opened(sealed: SealedKeyring, opening: Opening) -> None:
    sealed.create("share/1")
    with closing(opening("")) as store, pytest.raises(Unavailable):
        SealedKeyring(store, MemoryRootKeys(RootKey("root-2", b"2" * 32)))


def test_an_entry_under_a_root_key_that_is_not_there_is_unavailable(sealed: SealedKeyring, opening: Opening) -> None:
    with closing(opening("")) as store:
        assert store.turn("root-1", "root-9")
        assert store.add(SealedEntry("share/1", "root-9", b"sealed"))
        assert store.turn("root-9", "root-1")
    with pytest.raises(Unavailable):
        sealed.get(["share/1"])


@pytest.mark.usefixtures("sealed")
def test_nothing_is_added_under_a_root_key_that_has_been_turned_from(opening: Opening) -> None:
    with closing(opening("")) as store:
        assert store.turn("root-1", "root-2")
        assert not store.add(SealedEntry("share/1", "root-1", b"sealed"))
        assert store.ids("") == []


def test_an_entry_that_changed_meanwhile_is_not_sealed_anew(sealed: SealedKeyring, opening: Opening) -> None:
    """So a destroyed entry does not come back, nor an older key in the place of a newer one."""
    sealed.create("share/1")
    (old,) = all_entries(opening)
    new = SealedEntry("share/1", "root-1", b"sealed anew", old.revision)
    sealed.destroy(["share/1"])
    with closing(opening("")) as store:
        store.reseal([old], [new])
        assert store.ids("") == []
