"""Values of other storage classes, which the file's owner can have SQLite admit, hide and repeat no other row."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, replace

import pytest
from sqlalchemy import create_engine, text

from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Broken, existing
from deldokument.domain.shares.share import Share
from deldokument.store.database import Database
from deldokument.store.engine.column_types import LONG_AGO
from deldokument.store.maintenance.retention import PatrolPlace
from deldokument.store.shares.shares import ShareFilter
from tests.contract.records import ACCOUNT, DAY, HOUR, NOW, TENANT, available, document_of, settle
from tests.contract.store.tenancy.test_agreements import LOGIN, MAIN, intent
from tests.contract.store.tenancy.test_tenant_lifecycle import ASSESSMENT
from tests.fakes.integrity import tagging
from tests.support.stage.recorded_changes import record_changes
from tests.support.stored_data import admit_every_type, admit_null, do_as_owner

OPEN = [available(id=f"open-{number}", expires_at=NOW + number * HOUR, created_at=NOW) for number in range(4)]
OTHER_IDS = {"bytes": "CAST(id AS BLOB)", "no utf-8": "CAST(x'ff' || CAST(id AS BLOB) AS TEXT)"}


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """The port, with shares of an account, which end in this order."""
    with closing(tagging(Database(sqlite_url))) as opened:
        settle(opened)
        with opened.write() as tx:
            for share in OPEN:
                tx.shares.add(share)
        yield opened


def forge(url: str, statement: str) -> None:
    """Change rows as the owner of the file."""
    admit_every_type(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_every_table_of_sqlite_refuses_values_of_another_type(sqlite_url: str) -> None:
    is_lax = "SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND NOT strict"
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute(is_lax).fetchall() == [("alembic_version",)]


@pytest.mark.parametrize("end", ["'abc'", "x'00'", "9000000000000000000"], ids=["text", "bytes", "year 287 000"])
def test_the_patrol_continues_after_shares_with_invalid_ends(database: Database, sqlite_url: str, end: str) -> None:
    forge(sqlite_url, f"UPDATE share SET expires_at = {end} WHERE id != 'open-0'")
    seen, after = list[Share](), list[PatrolPlace | None]([None])
    while after[-1] is not None or len(after) == 1:
        with database.read() as tx:
            found = tx.retention.patrol(after[-1], NOW + 2 * HOUR, 1)
        seen += found.seen
        after.append(found.last)
        assert len(after) <= len(OPEN) + 2
    assert [one.id for one in seen] == [one.id for one in OPEN]
    with database.read() as tx:
        overdue = tx.retention.patrol(None, NOW + 2 * HOUR, 10).overdue
    assert {one.id for one in overdue} == {"open-0", "open-1", "open-2"}


def test_a_list_continues_after_a_share_with_an_invalid_creation(database: Database, sqlite_url: str) -> None:
    forge(sqlite_url, "UPDATE share SET created_at = 'abc' WHERE id = 'open-2'")
    wanted, seen = ShareFilter((ACCOUNT.id,), limit=1), list[str]()
    for _ in OPEN:
        with database.read() as tx:
            [found] = tx.shares.find(wanted)
        seen.append(found.id)
        wanted = replace(wanted, before=(found.created_at, found.id))
    assert seen == ["open-2", "open-3", "open-1", "open-0"]


def test_a_list_with_a_share_without_an_id_shows_the_others(database: Database, sqlite_url: str) -> None:
    forge(sqlite_url, "UPDATE share SET id = NULL WHERE id = 'open-2'")
    with database.read() as tx:
        found = [one.id for one in tx.shares.find(ShareFilter((ACCOUNT.id,))) if one.intact]
    assert found == ["open-3", "open-1", "open-0"]


@pytest.mark.parametrize("column", ["contact_email", "period_longest"])
def test_a_tenant_without_a_contact_or_period_is_damaged_and_read(
    database: Database, sqlite_url: str, column: str
) -> None:
    forge(sqlite_url, f"UPDATE tenant SET {column} = NULL")
    with database.read() as tx:
        found = existing(tx.tenants.get(TENANT.id))
    assert (found.intact, found.contact.telephone) == (False, TENANT.contact.telephone)
    assert None not in {*astuple(found.contact), *astuple(found.period)}


def test_an_account_without_a_contact_is_damaged_and_read(database: Database, sqlite_url: str) -> None:
    forge(sqlite_url, "UPDATE account SET contact_telephone = NULL")
    with database.read() as tx:
        found = existing(tx.accounts.get(ACCOUNT.id))
    assert None not in astuple(found.rules.contact)


def test_files_and_intents_without_a_value_are_read_as_empty(database: Database, sqlite_url: str) -> None:
    with database.write() as tx:
        tx.tenant_lifecycle.add_assessment(ASSESSMENT, b"file")
        tx.agreements.add_main_agreement(MAIN, b"paper")
        tx.agreements.add_intent(intent())
        tx.agreements.begin_intent(intent().id, LOGIN)
    for column in (
        "assessment_file SET sealed_file",
        "main_agreement_paper SET sealed_pdf",
        "signing_intent SET nonce",
    ):
        forge(sqlite_url, f"UPDATE {column} = NULL")
    forge(sqlite_url, "UPDATE signing_intent SET created_at = NULL")
    with database.read() as tx:
        assert tx.tenant_lifecycle.assessment_file(ASSESSMENT.id) == b""
        assert tx.agreements.main_agreement_pdf(MAIN.id) == b""
        assert tx.agreements.intent(intent().id) == intent(created_at=LONG_AGO)


def test_an_event_without_a_time_is_broken(database: Database, sqlite_url: str) -> None:
    with database.write() as tx:
        tx.audit.append(AuditEvent(NOW, EventKind.TENANT_CREATED, TENANT.id))
    admit_every_type(sqlite_url)
    do_as_owner(sqlite_url, "UPDATE audit_event SET at = NULL")
    with database.read() as tx, pytest.raises(Broken):
        tx.audit.events()


DAYS = {
    "sqlite": ("'abc'", "'2026-02-30'", "x'00'", "CAST(x'ff' AS TEXT)", "7", "NULL", "'0001-01-01'", "'9999-12-31'"),
    "postgresql": ("'infinity'", "'-infinity'", "'294276-12-31'", "'4713-01-01 BC'", "NULL", "'9999-12-31'"),
}


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in DAYS.items() for value in values])
def test_an_assessment_with_an_invalid_date_is_listed_with_one_that_has_a_review(
    request: pytest.FixtureRequest, kind: str, value: str
) -> None:
    url: str = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url")
    with closing(tagging(Database(url))) as database:
        settle(database)
        with database.write() as tx:
            tx.tenant_lifecycle.add_assessment(ASSESSMENT, b"file")
        if kind == "sqlite":
            admit_every_type(url)
        else:
            admit_null(url, "impact_assessment", "done_on")
        do_as_owner(url, f"UPDATE impact_assessment SET done_on = {value}")
        with database.read() as tx:
            [found] = tx.tenant_lifecycle.assessments(TENANT.id)
    assert found.review_on.year in (1001, 9001)


@pytest.mark.parametrize("other", OTHER_IDS.values(), ids=OTHER_IDS)
def test_rows_that_no_parameter_finds_do_not_use_up_the_limit(database: Database, sqlite_url: str, other: str) -> None:
    forge(sqlite_url, f"UPDATE share SET id = {other} WHERE id != 'open-3'")
    with database.write() as tx:
        assert [one.id for one in tx.retention.due_shares(NOW + DAY, 2)] == ["open-3"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("other", OTHER_IDS.values(), ids=OTHER_IDS)
def test_the_search_for_documents_ends_although_a_damaged_one_has_no_id(
    database: Database, sqlite_url: str, other: str
) -> None:
    found = document_of(OPEN[0], completed_at=NOW)
    stale = document_of(OPEN[0], pending_since=NOW)
    with database.write() as tx:
        tx.shares.add_document(found)
        tx.shares.add_document(stale)
        record_changes(tx)
    forge(sqlite_url, f"UPDATE document SET id = {other}")
    with database.write() as tx:
        assert tx.retention.uninspected_documents(NOW, 10) == []
        assert tx.additions.stale(NOW + DAY, 10) == []
