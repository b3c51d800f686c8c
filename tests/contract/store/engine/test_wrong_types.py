"""Values of other storage classes, which the file's owner can have SQLite admit, hide and repeat no other row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text

from deldokument.domain.shares.share import Share
from deldokument.store.database import Database
from deldokument.store.maintenance.retention import PatrolPlace
from deldokument.store.shares.shares import ShareFilter
from tests.contract.records import ACCOUNT, DAY, HOUR, NOW, available, document_of, settle
from tests.fakes.integrity import tagging
from tests.support.stage.recorded_changes import record_changes
from tests.support.stored_data import admit_every_type

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


@pytest.mark.parametrize("end", ["'abc'", "x'00'", "9000000000000000000"], ids=["text", "bytes", "year 287 000"])
def test_the_patrol_continues_after_shares_whose_ends_are_no_instants(
    database: Database, sqlite_url: str, end: str
) -> None:
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


def test_a_list_continues_after_a_share_whose_creation_is_no_instant(database: Database, sqlite_url: str) -> None:
    forge(sqlite_url, "UPDATE share SET created_at = 'abc' WHERE id = 'open-2'")
    wanted, seen = ShareFilter((ACCOUNT.id,), limit=1), list[str]()
    for _ in OPEN:
        with database.read() as tx:
            [found] = tx.shares.find(wanted)
        seen.append(found.id)
        wanted = replace(wanted, before=(found.created_at, found.id))
    assert seen == ["open-2", "open-3", "open-1", "open-0"]


@pytest.mark.parametrize("other", OTHER_IDS.values(), ids=OTHER_IDS)
def test_rows_that_no_parameter_finds_leave_room_for_others(database: Database, sqlite_url: str, other: str) -> None:
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
        assert tx.retention.uninspected(NOW, 10) == []
        assert tx.additions.stale(NOW + DAY, 10) == []
