"""Every question about events is answered from an index, of 10 000 events as of a million.

PostgreSQL plans with the figures of what is there, SQLite without any.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from deldokument.store.audit.audit import EventFilter
from deldokument.store.database import Database
from deldokument.store.engine.engines import open_engines
from tests.fakes.integrity import MemoryIntegrityKeys, tagging
from tests.support.bulk.events import (
    Ask,
    check_plan,
    event_filters,
    event_questions,
    fill_trail,
    many_events,
    subject_ids,
)
from tests.support.query_plans import EVERYTHING_READ, filled_once, plans, statements

COUNT = 10_000
PEOPLE = subject_ids(200)
QUESTIONS = event_questions("tenant", PEOPLE, COUNT)
FILTERS = event_filters("tenant", PEOPLE, COUNT)

ROWS: dict[str, tuple[Ask, str]] = {
    "tenant": (lambda tx: tx.tenants.get("tenant"), "ix_audit_event_tenant"),
    "account": (lambda tx: tx.accounts.get("account"), "ix_audit_event_about"),
    "member": (lambda tx: tx.members.of_person(b"hash"), "ix_audit_event_about"),
    "operator": (lambda tx: tx.staff.operator_by_hash(b"hash"), "ix_audit_event_about"),
    "integration": (lambda tx: tx.integrations.of_organization("991825827"), "ix_audit_event_about"),
    "webhook": (lambda tx: tx.webhooks.get("hook"), "ix_audit_event_about"),
}
"""Questions for rows that are compared with the events about them."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with very many events, to be read only."""
    with filled_once(request, tmp_path_factory.mktemp("full"), _fill) as url:
        yield url


def _fill(url: str) -> None:
    fill_trail(url, many_events(COUNT, chain="tenant", people=lambda _: PEOPLE, integrity=MemoryIntegrityKeys()))


@pytest.fixture
def full_database(full_url: str) -> Iterator[Database]:
    opened = tagging(Database(full_url))
    yield opened
    opened.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_about_events_is_answered_from_its_index(
    full_database: Database, full_url: str, question: str
) -> None:
    ask, index = QUESTIONS[question]
    check_plan(full_database, full_url, ask, index)


@pytest.mark.parametrize("kind", ROWS)
def test_the_newest_revision_of_a_row_is_read_from_an_index(full_database: Database, full_url: str, kind: str) -> None:
    ask, index = ROWS[kind]
    check_plan(full_database, full_url, ask, index)
    with statements() as asked, full_database.read() as tx:
        ask(tx)
    # The index is searched by the row, not read from end to end.
    by_row = re.compile(rf"Index Cond: \(+(CASE|chain)|{index} \((<expr>|chain)=\?")
    assert by_row.search(plans(full_url, asked))


def test_a_plan_that_reads_everything_is_found(full_url: str) -> None:
    everything = "SELECT * FROM audit_event WHERE details = 'x'"
    assert EVERYTHING_READ.search(plans(full_url, [(everything, ())]))
    engines = open_engines(full_url)
    with engines.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_event")).scalar_one() == COUNT
    engines.close()


@pytest.mark.parametrize("name", FILTERS)
def test_the_filter_finds_the_same_as_looking_at_everything(full_database: Database, name: str) -> None:
    wanted, _ = FILTERS[name]
    with full_database.read() as tx:
        found = [e.number for e in tx.audit.oldest(wanted, after=None, last_number=COUNT, limit=COUNT)]
        everything = tx.audit.following("tenant", after=0, last_number=COUNT, limit=COUNT)
    assert found == [e.number for e in everything if _is_wanted(wanted, e.event)]
    assert found


def _is_wanted(wanted: EventFilter, event_: Any) -> bool:
    return (
        (wanted.since is None or event_.at >= wanted.since)
        and (wanted.until is None or event_.at < wanted.until)
        and wanted.kind in {None, event_.kind}
        and wanted.share_id in {None, event_.share_id}
        and (wanted.subject_ids is None or event_.subject_id in wanted.subject_ids)
    )
