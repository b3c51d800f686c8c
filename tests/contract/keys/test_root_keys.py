"""The contract of root keys: in memory, in a file, in OpenBao's Transit, in a hardware security module."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from deldokument.adapters.keys.keyring import RootKeys
from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import Unavailable
from tests.support.stage.keyrings import RootPlace

SECRETS = {f"share/{number}": os.urandom(32) for number in range(3)}


@pytest.fixture
def roots(root_place: RootPlace) -> Iterator[RootKeys]:
    with closing(root_place.open()) as opened:
        yield opened


def test_entries_open_as_what_they_were(roots: RootKeys, root_place: RootPlace) -> None:
    (name,) = roots.ids()
    root = roots.find_root_key(name)
    wrapped = root.wrap_all(SECRETS)
    assert root.key_id == name
    assert root.unwrap_all(wrapped) == SECRETS
    with closing(root_place.open()) as again:
        assert again.find_root_key(name).unwrap_all(wrapped) == SECRETS
    assert root.wrap_all({}) == root.unwrap_all({}) == {}


def test_a_sealed_key_fits_into_every_store_and_shows_nothing(roots: RootKeys) -> None:
    wrapped = roots.find_root_key(roots.ids()[0]).wrap_all(SECRETS)
    assert all(len(sealed) < 128 for sealed in wrapped.values())
    assert not any(secret in sealed for secret in SECRETS.values() for sealed in wrapped.values())
    assert len(set(wrapped.values())) == len(SECRETS)


def test_many_entries_are_opened_at_once(roots: RootKeys) -> None:
    many = {f"share/{number}": bytes([number % 256]) * 32 for number in range(600)}
    root = roots.find_root_key(roots.ids()[0])
    assert root.unwrap_all(root.wrap_all(many)) == many


def test_an_entry_opens_as_itself_only(roots: RootKeys) -> None:
    root = roots.find_root_key(roots.ids()[0])
    wrapped = root.wrap_all(SECRETS)
    with pytest.raises(IntegrityError):
        root.unwrap_all(wrapped | {"share/1": wrapped["share/2"]})
    assert root.unwrap_all(wrapped) == SECRETS


@pytest.mark.parametrize("forge", [lambda sealed: sealed[:-2], lambda _: b"", lambda _: b"\xff" * 61])
def test_what_was_not_sealed_here_does_not_open(roots: RootKeys, forge: object) -> None:
    root = roots.find_root_key(roots.ids()[0])
    wrapped = root.wrap_all(SECRETS)
    with pytest.raises(IntegrityError):
        root.unwrap_all(wrapped | {"share/1": forge(wrapped["share/1"])})  # type: ignore[operator]


def test_an_entry_opens_under_its_own_root_key_only(roots: RootKeys, root_place: RootPlace) -> None:
    root_place.prepare()
    first, second = roots.ids()
    wrapped = roots.find_root_key(first).wrap_all(SECRETS)
    assert roots.find_root_key(first).unwrap_all(wrapped) == SECRETS
    with pytest.raises(IntegrityError):
        roots.find_root_key(second).unwrap_all(wrapped)


def test_a_new_root_key_is_found_by_its_name_and_comes_last(roots: RootKeys, root_place: RootPlace) -> None:
    (first,) = roots.ids()
    root_place.prepare()
    with closing(root_place.open()) as other:
        second = other.ids()[-1]
    assert roots.find_root_key(second).key_id == second != first
    assert roots.ids() == [first, second]


def test_a_retired_root_key_opens_nothing(roots: RootKeys, root_place: RootPlace) -> None:
    (first,) = roots.ids()
    wrapped = roots.find_root_key(first).wrap_all(SECRETS)
    root_place.prepare()
    kept = roots.ids()[-1]
    for _ in range(2):
        roots.retire(kept)
        root_place.finish(kept)
    assert roots.ids() == [kept]
    with closing(root_place.open()) as again:
        assert again.ids() == [kept]
        with pytest.raises(Unavailable):
            again.find_root_key(first).unwrap_all(wrapped)


def test_a_root_key_that_is_not_there_is_unavailable(roots: RootKeys) -> None:
    with pytest.raises(Unavailable) as caught:
        roots.find_root_key("pkcs11-00")
    assert caught.value.code == "keyring"


def test_many_threads_seal_and_open(roots: RootKeys) -> None:
    root = roots.find_root_key(roots.ids()[0])
    faults: list[object] = []

    def work(number: int) -> None:
        secrets = {f"{number}/{step}": os.urandom(32) for step in range(5)}
        for _ in range(5):
            if root.unwrap_all(root.wrap_all(secrets)) != secrets:
                faults.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
