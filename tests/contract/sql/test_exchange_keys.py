"""Key pairs of encrypted uploads are kept as the contract says."""

from __future__ import annotations

import pytest

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.domain.errors import Conflict
from deldokument.ports.repositories.exchange_keys import ExchangeKey
from tests.contract.records import DAY, NOW

OLD, NEW = ExchangeKey("old", NOW, b"sealed"), ExchangeKey("new", NOW + DAY, b"sealed too")


def kept(database: SqlDatabase) -> list[ExchangeKey]:
    with database.read() as tx:
        return tx.exchange_keys.all()


def test_key_pairs_come_back_the_newest_first(database: SqlDatabase) -> None:
    assert kept(database) == []
    with database.write() as tx:
        tx.exchange_keys.add(OLD)
        tx.exchange_keys.add(NEW)
    assert kept(database) == [NEW, OLD]


def test_those_created_earlier_are_removed(database: SqlDatabase) -> None:
    with database.write() as tx:
        tx.exchange_keys.add(OLD)
        tx.exchange_keys.add(NEW)
        tx.exchange_keys.remove_before(NEW.created_at)
    assert kept(database) == [NEW]


def test_an_id_is_taken_once(database: SqlDatabase) -> None:
    with database.write() as tx:
        tx.exchange_keys.add(OLD)
    with pytest.raises(Conflict), database.write() as tx:
        tx.exchange_keys.add(OLD)
