"""Notification addresses are stored, found, locked and erased as the contract says."""

import threading
from dataclasses import replace

import pytest

from deldokument.domain.errors import Broken, Conflict
from deldokument.domain.messages.email_addresses import Language, NoticeAddress
from deldokument.domain.tenants.tenancy import Administrator
from deldokument.store.database import Database
from tests.contract.records import HOUR, KARI, NOW, TENANT, settle

EMPTY = NoticeAddress("address", KARI.lookup_hash)
WHOLE = NoticeAddress(
    id="address",
    lookup_hash=KARI.lookup_hash,
    sealed_address=b"confirmed",
    confirmed_at=NOW,
    sealed_unconfirmed=b"unconfirmed",
    challenge_id="challenge",
    challenged_at=NOW + HOUR,
    tries=2,
    codes=3,
    codes_since=NOW,
    downloaded=False,
    ending=True,
    approval=False,
    signature=True,
    language=Language.NYNORSK,
)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def save(database: Database, *addresses: NoticeAddress) -> None:
    with database.write() as tx:
        for address in addresses:
            tx.notification_addresses.save(address)


@pytest.mark.parametrize("address", [EMPTY, WHOLE], ids=["empty", "whole"])
def test_an_address_comes_back_as_it_was_kept(database: Database, address: NoticeAddress) -> None:
    save(database, address)
    with database.read() as tx:
        assert tx.notification_addresses.get(address.id) == address
        assert tx.notification_addresses.of_person(address.lookup_hash) == address
        assert tx.notification_addresses.get("nothing") is None
        assert tx.notification_addresses.of_person(b"nobody") is None


def test_saving_again_replaces(database: Database) -> None:
    save(database, WHOLE, changed := replace(WHOLE.end_challenge(), approval=True))
    with database.read() as tx:
        assert tx.notification_addresses.get(WHOLE.id) == changed


def test_a_person_has_one_record(database: Database) -> None:
    save(database, WHOLE)
    with pytest.raises(Conflict):
        save(database, replace(WHOLE, id="another"))


def test_many_persons_are_found_at_once(database: Database) -> None:
    other = replace(EMPTY, id="other", lookup_hash=b"other")
    save(database, WHOLE, other, replace(EMPTY, id="third", lookup_hash=b"third"))
    wanted = {WHOLE.lookup_hash, b"other", *(f"{number}".encode() for number in range(1200))}
    with database.read() as tx:
        assert {found.id for found in tx.notification_addresses.of_persons(wanted)} == {WHOLE.id, other.id}
        assert tx.notification_addresses.of_persons([]) == []


@pytest.mark.parametrize(
    "broken",
    [
        replace(EMPTY, sealed_address=b"confirmed"),
        replace(EMPTY, confirmed_at=NOW),
        replace(EMPTY, sealed_unconfirmed=b"unconfirmed"),
        replace(EMPTY, challenged_at=NOW),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_by_the_database(database: Database, broken: NoticeAddress) -> None:
    with pytest.raises(Broken):
        save(database, broken)


def test_what_waits_since_too_long_is_dropped(database: Database) -> None:
    later = replace(WHOLE, id="later", lookup_hash=b"later", challenged_at=NOW + 2 * HOUR)
    save(database, WHOLE, later, replace(EMPTY, id="third", lookup_hash=b"third"))
    with database.write() as tx:
        assert tx.notification_addresses.drop_unconfirmed(NOW + 2 * HOUR) == 1
    with database.read() as tx:
        assert tx.notification_addresses.get(WHOLE.id) == WHOLE.end_challenge()
        assert tx.notification_addresses.get("later") == later


def test_a_person_who_is_neither_member_nor_administrator_is_forgotten(database: Database) -> None:
    leader = replace(EMPTY, id="leader", lookup_hash=b"hash of leader")
    save(database, WHOLE, leader, replace(EMPTY, id="stranger", lookup_hash=b"stranger"))
    with database.write() as tx:
        tx.staff.add_administrator(Administrator("anne", TENANT.id, leader.lookup_hash, b"number", b"name"))
        assert tx.notification_addresses.forget_strangers() == 1
    with database.write() as tx:
        tx.members.remove(KARI.id, NOW)
        assert tx.notification_addresses.forget_strangers() == 1
        tx.staff.remove_administrator("anne")
        assert tx.notification_addresses.forget_strangers() == 1
        assert tx.notification_addresses.forget_strangers() == 0


def test_tries_at_once_are_all_counted(database: Database) -> None:
    save(database, replace(WHOLE, tries=0))

    def count() -> None:
        with database.write() as tx:
            kept = tx.notification_addresses.lock_of_person(WHOLE.lookup_hash)
            assert kept is not None
            tx.notification_addresses.save(replace(kept, tries=kept.tries + 1))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.write() as tx:
        kept = tx.notification_addresses.lock_of_person(WHOLE.lookup_hash)
        assert kept is not None
        assert kept.tries == 8
