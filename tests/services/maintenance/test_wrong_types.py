"""A value of another storage class, which SQLite admits in every column, is damage and stops nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

import pytest
from sqlalchemy import make_url

from deldokument import worker
from deldokument.adapters.sql.tables.base import metadata
from deldokument.services.downloads import offers
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance import retention
from deldokument.services.shares import queries
from tests.support.stored_data import do_as_owner
from tests.support.world import KARI, OLA, Stage, person

pytestmark = pytest.mark.embedded
VALUES = {"text": "'abc'", "not utf-8": "CAST(x'ff' AS TEXT)", "integer": "7", "real": "1.5", "blob": "x'00'"}
OF_A_SHARE = ("share", "recipient", "document", "upload", "receipt")


def forge(stage: Stage, table: str, column: str, value: str, share_id: str) -> bool:
    """Put the value into the rows of the share; return False where a key or NULL constraint refuses it."""
    path = make_url(stage.database_url).database
    assert path
    which = "id" if table == "share" else "share_id"
    with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.IntegrityError):
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f'UPDATE {table} SET "{column}" = {value} WHERE {which} = ?', (share_id,))
        connection.commit()
        return True
    return False


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("table", OF_A_SHARE)
def test_a_value_of_another_type_stops_no_list_and_no_destruction_of_keys(stage: Stage, table: str, value: str) -> None:
    changed = {}
    for column in metadata.tables[table].c:
        share_id = stage.publish(OLA)
        if column.primary_key or not forge(stage, table, column.name, value, share_id):
            continue
        changed[share_id] = column.name
    whole = stage.publish(OLA)
    queries.list_shares(stage.deps, person(KARI))
    offers.list_offers(stage.deps, person(OLA))
    stage.clock.advance(days=40)
    do_as_owner(stage.database_url, "UPDATE deployment SET heartbeat_at = NULL")
    for _ in range(3):
        worker.end_what_is_over(stage.deps, retention.ENDING)
    assert stage.deps.keyring.get([share_key_id(whole)]) == {}
    assert changed
