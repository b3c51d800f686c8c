"""A value of another storage class, which the file's owner can have SQLite admit, is damage and stops nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from sqlalchemy import make_url

from deldokument import worker
from deldokument.adapters.documents.signing import verify_signature
from deldokument.domain.errors import Broken, NotFound, existing
from deldokument.services.accounts import lifecycle
from deldokument.services.audit.verification import verify_trail
from deldokument.services.downloads import content, offers
from deldokument.services.encryption import share_key_id
from deldokument.services.maintenance import retention
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.schema import metadata
from tests.support.stage.stage import KARI, OLA, PER, SIV, Stage, person
from tests.support.stored_data import admit_every_type, do_as_owner

pytestmark = pytest.mark.embedded
VALUES = {
    "text": "'abc'",
    "not utf-8": "CAST(x'ff' AS TEXT)",
    "integer": "7",
    "real": "1.5",
    "blob": "x'00'",
    "null": "NULL",
}
OF_A_SHARE = ("share", "recipient", "document", "upload", "receipt")
OF_A_TENANT = ("tenant", "account", "member")


def forge(stage: Stage, table: str, column: str, value: str, share_id: str) -> bool:
    """Put the value into the rows of the share; return False where a key refuses it."""
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
        is_admitted = column.name == "id" or (value == "NULL" and column.nullable)
        if is_admitted or not forge(stage, table, column.name, value, share_id):
            continue
        changed[share_id] = column.name
    whole = stage.publish(OLA)
    queries.list_shares(stage.deps, person(KARI))
    offers.list_offers(stage.deps, person(OLA))
    stage.clock.advance(days=40)
    do_as_owner(stage.database_url, "UPDATE deployment SET heartbeat_at = NULL")
    for _ in range(3):
        worker.end_what_is_over(stage.deps, worker.ENDING)
    assert stage.deps.keyring.get([share_key_id(whole)]) == {}
    assert changed


def test_a_share_that_is_over_without_the_time_of_its_end_is_damaged(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    assert forge(stage, "share", "closed_at", "NULL", share_id)
    with pytest.raises(NotFound):
        offers.open_share(stage.deps, person(OLA), share_id)
    assert DamagedRow("share", share_id) in stage.deps.damage.take()


def test_a_revision_that_is_no_number_makes_its_row_damaged(stage: Stage) -> None:
    freezing.set_account_freeze(stage.deps, stage.byggesak.id, person(PER), FreezeReason.SECURITY)
    admit_every_type(stage.database_url)
    do_as_owner(stage.database_url, "UPDATE audit_event SET revision = 'abc' WHERE revision IS NOT NULL")
    with stage.deps.database.read() as tx:
        assert not existing(tx.accounts.get(stage.byggesak.id)).intact
    assert DamagedRow("account", stage.byggesak.id) in stage.deps.damage.take()


@pytest.mark.parametrize("column", ["number", "hash"])
def test_a_head_without_number_or_hash_is_damaged_and_the_log_goes_on(stage: Stage, column: str) -> None:
    admit_every_type(stage.database_url)
    do_as_owner(stage.database_url, f"UPDATE audit_head SET {column} = NULL")
    stage.add(SIV, "Siv Holm", stage.byggesak)
    assert DamagedRow("audit_head", stage.tenant.id) in stage.deps.damage.take()


@pytest.mark.parametrize("column", ["number", "hash"])
def test_the_verification_finds_a_head_without_number_or_hash(stage: Stage, column: str) -> None:
    admit_every_type(stage.database_url)
    do_as_owner(stage.database_url, f"UPDATE audit_head SET {column} = NULL WHERE chain = '{stage.tenant.id}'")
    fault = verify_trail(stage.deps, certificates=(), is_signed=verify_signature).fault
    assert existing(fault).chain == stage.tenant.id


def test_the_events_of_a_share_are_shown_although_a_member_has_no_id(stage: Stage) -> None:
    share_id = stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    admit_every_type(stage.database_url)
    do_as_owner(stage.database_url, f"UPDATE member SET id = NULL WHERE id = '{stage.members['kari-avtaler']}'")
    _, events = queries.show_share(stage.deps, person(KARI), share_id)
    assert events
    assert DamagedRow("member", "") in stage.deps.damage.take()


def test_an_account_without_a_name_is_damaged_and_the_list_shows_the_others(stage: Stage) -> None:
    admit_every_type(stage.database_url)
    do_as_owner(stage.database_url, f"UPDATE account SET name = NULL WHERE id = '{stage.byggesak.id}'")
    listed = {
        one.account.id: one.account.intact for one in lifecycle.list_accounts(stage.deps, tenant_id=stage.tenant.id)
    }
    assert listed == {stage.byggesak.id: False, stage.avtaler.id: True}
    assert DamagedRow("account", stage.byggesak.id) in stage.deps.damage.take()


@contextmanager
def forged_for_now(stage: Stage, table: str, column: str, value: str) -> Iterator[None]:
    """Put the value into all rows, as far as keys admit it, and the former values back afterwards."""
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
        worker.end_what_is_over(stage.deps, worker.ENDING)
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
