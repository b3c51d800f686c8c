"""A value of another storage class, which the file's owner can have SQLite admit, is damage and stops nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import make_url

from deldokument import worker
from deldokument.adapters.sql.tables.base import metadata
from deldokument.domain.errors import Broken
from deldokument.services.downloads import content, offers
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance import retention
from deldokument.services.shares import queries
from tests.support.stored_data import admit_every_type, do_as_owner
from tests.support.world import KARI, OLA, Stage, person

pytestmark = pytest.mark.embedded
VALUES = {"text": "'abc'", "not utf-8": "CAST(x'ff' AS TEXT)", "integer": "7", "real": "1.5", "blob": "x'00'"}
OF_A_SHARE = ("share", "recipient", "document", "upload", "receipt")
OF_A_TENANT = ("tenant", "account", "member")


def forge(stage: Stage, table: str, column: str, value: str, share_id: str) -> bool:
    """Put the value into the rows of the share; return False where a key or NULL constraint refuses it."""
    path = make_url(stage.database_url).database
    assert path
    admit_every_type(stage.database_url)
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


@contextmanager
def forged_for_now(stage: Stage, table: str, column: str, value: str) -> Iterator[None]:
    """Put the value into all rows, as far as NULL constraints admit it, and the former values back afterwards."""
    path = make_url(stage.database_url).database
    assert path
    admit_every_type(stage.database_url)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        former = connection.execute(f'SELECT "{column}", id FROM {table}').fetchall()
        with suppress(sqlite3.IntegrityError):
            connection.execute(f'UPDATE {table} SET "{column}" = {value}')
        connection.commit()
        yield
        connection.executemany(f'UPDATE {table} SET "{column}" = ? WHERE id = ?', former)
        connection.commit()


# A number would be an instant, at which the members were removed.
@pytest.mark.parametrize("value", [VALUES[one] for one in ("text", "not utf-8", "blob")])
@pytest.mark.parametrize("table", OF_A_TENANT)
def test_a_value_of_another_type_in_the_rows_of_a_tenant_stops_no_round(stage: Stage, table: str, value: str) -> None:
    for column in metadata.tables[table].c:
        whole = stage.publish(OLA)
        stage.clock.advance(days=40)
        do_as_owner(stage.database_url, "UPDATE deployment SET heartbeat_at = NULL")
        if not column.primary_key:
            with forged_for_now(stage, table, column.name, value):
                worker.end_what_is_over(stage.deps)
            assert stage.deps.keyring.get([share_key_id(whole)]) == {}


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("value", ["CAST(id AS BLOB)", "CAST(x'ff' || CAST(id AS BLOB) AS TEXT)"])
def test_shares_that_are_not_found_by_their_ids_fill_no_round_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, value: str, is_closed: bool
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    for _ in range(3):
        share_id = stage.publish(OLA)
        assert forge(stage, "share", "id", value, share_id)
    if is_closed:
        do_as_owner(stage.database_url, "UPDATE share SET state = 'ended', closed_at = 0")
    whole = stage.publish(OLA)
    stage.clock.advance(days=40)
    do_as_owner(stage.database_url, "UPDATE deployment SET heartbeat_at = NULL")
    for _ in range(4):
        worker.end_what_is_over(stage.deps, retention.ENDING)
    assert stage.deps.keyring.get([share_key_id(whole)]) == {}


def test_documents_without_an_order_give_an_error_and_no_endless_zip(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_id = stage.publish(OLA, also=["kart.pdf"])
    monkeypatch.setattr(content, "PAGE_SIZE", 1)
    assert content.open_archive(stage.deps, person(OLA), share_id).length
    assert forge(stage, "document", "position", "'abc'", share_id)
    with pytest.raises(Broken):
        content.open_archive(stage.deps, person(OLA), share_id)
