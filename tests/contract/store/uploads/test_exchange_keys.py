"""Key pairs of encrypted uploads are kept as the contract says."""

import pytest

from deldokument.domain.errors import Conflict
from deldokument.store.database import Database
from deldokument.store.uploads.exchange_keys import ExchangeKey
from tests.contract.records import DAY, NOW
from tests.support.stage.stage import FJELL

OLD, NEW = ExchangeKey("old", FJELL, NOW, b"sealed"), ExchangeKey("new", FJELL, NOW + DAY, b"sealed too")
OF_PEOPLE = ExchangeKey("people", "", NOW + DAY, b"sealed for people")


def kept(database: Database, organization_number: str = FJELL) -> list[ExchangeKey]:
    with database.read() as tx:
        return tx.exchange_keys.of(organization_number)


def test_the_key_pairs_of_an_organisation_come_back_the_newest_first(database: Database) -> None:
    assert kept(database) == []
    with database.write() as tx:
        for key in (OLD, OF_PEOPLE, NEW):
            tx.exchange_keys.add(key)
    assert kept(database) == [NEW, OLD]
    assert kept(database, "") == [OF_PEOPLE]


def test_those_created_earlier_are_removed(database: Database) -> None:
    with database.write() as tx:
        tx.exchange_keys.add(OLD)
        tx.exchange_keys.add(NEW)
        tx.exchange_keys.remove_before(NEW.created_at)
    assert kept(database) == [NEW]


def test_an_id_is_taken_once(database: Database) -> None:
    with database.write() as tx:
        tx.exchange_keys.add(OLD)
    with pytest.raises(Conflict), database.write() as tx:
        tx.exchange_keys.add(OLD)
