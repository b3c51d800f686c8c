"""Very many audit events at once, as the program would have written them: a year of shares, linked into one chain.

    people = subject_ids(200)
    fill_trail(database_url, many_events(1_000_000, chain=tenant.id, people=lambda _: people, integrity=keys))

They go past the use cases, which would take an hour for them: by COPY on PostgreSQL, by ``executemany`` on SQLite.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg

from deldokument.crypto.row_tags import row_tag
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.chain import BEGINNING, Mark
from deldokument.store.audit.audit import EventFilter
from deldokument.store.database import Database
from deldokument.store.engine.integrity import IntegrityKeys
from deldokument.store.transaction import Transaction
from tests.support.query_plans import plans, statements

YEAR = timedelta(days=365)
END = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
EVENTS_OF_SHARE = 10
RARE = EventKind.EVENT_LOG_EXPORTED
"""Told once in a thousand events; the rest are the common kinds below."""

Ask = Callable[[Transaction], object]
Row = tuple[str, int, int, str, str | None, str | None, str | None, bytes, bytes, bytes]

# Heads and seals are few, so PostgreSQL may choose any plan for a page of them.
_EVERY_EVENT_READ = re.compile(r"Seq Scan on audit_event|^SCAN|USE TEMP B-TREE|AUTOMATIC", re.M)
_COLUMNS = "chain, number, at, kind, share_id, subject_id, details, previous, hash, tag"
_HEAD = (
    "INSERT INTO audit_head (chain, number, hash) VALUES (%s, %s, %s) "
    "ON CONFLICT (chain) DO UPDATE SET number = excluded.number, hash = excluded.hash"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BY_SERVICE = {EventKind.DOCUMENT_INSPECTED, EventKind.SHARE_ENDED, EventKind.SHARE_KEY_DESTROYED}
_OF_SHARE = (
    EventKind.DRAFT_STARTED,
    EventKind.DOCUMENT_COMPLETED,
    EventKind.SHARE_PUBLISHED,
    EventKind.DOCUMENT_INSPECTED,
    EventKind.SHARE_OPENED,
    EventKind.DOCUMENT_DOWNLOADED,
    EventKind.SHARE_OPENED,
    EventKind.DOCUMENT_DOWNLOADED,
    EventKind.SHARE_ENDED,
    EventKind.SHARE_KEY_DESTROYED,
)
_DETAILS: dict[EventKind, dict[str, str | int]] = {
    EventKind.DOCUMENT_COMPLETED: {"document": "AAAAAAAAAAAAAAAAAAAAAA", "length": 412_000},
    EventKind.DOCUMENT_INSPECTED: {"document": "AAAAAAAAAAAAAAAAAAAAAA", "verdict": "not_scanned"},
    EventKind.SHARE_OPENED: {"ground": "a0236"},
    EventKind.DOCUMENT_DOWNLOADED: {
        "documents": 1,
        "bytes": 412_000,
        "whole": 1,
        "document": "AAAAAAAAAAAAAAAAAAAAAA",
        "ground": "a0236",
    },
    RARE: {"filters": "kind", "format": "csv"},
}


def subject_ids(count: int) -> list[str]:
    """Ids of persons who act."""
    return [f"subject{number:015}" for number in range(count)]


def share_id(number: int) -> str:
    """The id of the share that the event in this place is about."""
    return f"share{number // EVENTS_OF_SHARE:017}"


def subject_of(number: int, subjects: Sequence[str]) -> str:
    """Who did what the event in this place tells."""
    return subjects[number * 7919 % len(subjects)]


def many_events(
    count: int,
    *,
    chain: str,
    people: Callable[[datetime], Sequence[str]],
    integrity: IntegrityKeys,
    after: Mark = BEGINNING,
    end: datetime = END,
) -> Iterator[Row]:
    """The events of the year until ``end``, evenly, behind those that are there. ``people`` act at a time, in turn.

    What the service does by itself has no subject. The numbers of the events are those of their places in the year.
    """
    link, key = after.hash, integrity.row_key("audit_event")
    for place in range(1, count + 1):
        kind = RARE if place % 1000 == 0 else _OF_SHARE[place % EVENTS_OF_SHARE]
        at = end - YEAR + YEAR * place / count
        subject = None if kind in _BY_SERVICE else subject_of(place, people(at))
        details, number = _DETAILS.get(kind), after.number + place
        event = AuditEvent(at, kind, chain, None if kind is RARE else share_id(place), subject, details)
        previous, link = link, event.link(number, link)
        text = json.dumps(details) if details else None
        microseconds = (at - _EPOCH) // _MICROSECOND
        tag = row_tag(key, "audit_event", chain, [number, link])
        yield chain, number, microseconds, kind.value, event.share_id, subject, text, previous, link, tag


def fill_trail(database_url: str, rows: Iterable[Row]) -> None:
    """Put the events and the heads of their chains into a migrated database, and let it look at what it has got."""
    if database_url.startswith("sqlite"):
        _fill_sqlite(database_url.removeprefix("sqlite:///"), iter(rows))
    else:
        _fill_postgres(database_url, rows)


def _fill_sqlite(path: str, rows: Iterator[Row]) -> None:
    heads = dict[str, Row]()
    with closing(sqlite3.connect(path)) as connection, connection:
        while step := list(islice(rows, 10_000)):
            connection.executemany(f"INSERT INTO audit_event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", step)
            heads |= {row[0]: row for row in step}
        connection.executemany(_HEAD.replace("%s", "?"), _ends(heads))


def _fill_postgres(url: str, rows: Iterable[Row]) -> None:
    heads = dict[str, Row]()
    with psycopg.connect(url) as connection:
        with connection.cursor().copy(f"COPY audit_event ({_COLUMNS}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)
                heads[row[0]] = row
        connection.cursor().executemany(_HEAD.encode(), _ends(heads))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE audit_event")


def _ends(heads: Mapping[str, Row]) -> list[tuple[str, int, bytes]]:
    return [(chain, row[1], row[8]) for chain, row in heads.items()]


def event_filters(chain: str, people: Sequence[str], count: int) -> dict[str, tuple[EventFilter, str]]:
    """Every way in which a log is narrowed, with the index that answers it. Each finds something."""
    middle = count * 7 // 10 // EVENTS_OF_SHARE * EVENTS_OF_SHARE
    while_ = {"since": END - timedelta(days=250), "until": END - timedelta(days=200)}
    ola = (subject_of(middle + 4, people),)
    by_time, by_kind = "ix_audit_event_chain_at_number", "ix_audit_event_chain_kind_at_number"
    by_share, by_person = "ix_audit_event_share_id_at_number", "ix_audit_event_subject_id_at_number"
    opened, share = EventKind.SHARE_OPENED, share_id(middle)
    return {
        "everything": (EventFilter(chain), by_time),
        "a while": (EventFilter(chain, **while_), by_time),
        "a common kind": (EventFilter(chain, kind=opened), by_kind),
        "a rare kind": (EventFilter(chain, kind=RARE), by_kind),
        "a kind in a while": (EventFilter(chain, kind=RARE, **while_), by_kind),
        "a share": (EventFilter(chain, share_id=share), by_share),
        "a kind of a share": (EventFilter(chain, share_id=share, kind=opened), by_share),
        "a person": (EventFilter(chain, subject_ids=ola), by_person),
        "a person in a while": (EventFilter(chain, subject_ids=ola, **while_), by_person),
        "a rare kind of a person": (EventFilter(chain, subject_ids=(people[0],), kind=RARE), by_person),
        "a person in a share": (EventFilter(chain, subject_ids=ola, share_id=share), by_share),
    }


def event_questions(chain: str, people: Sequence[str], count: int) -> dict[str, tuple[Ask, str]]:
    """Everything that is asked of the trail while people wait, with the index that answers it."""
    place = (END - timedelta(days=100), count * 265 // 365)

    def newest(wanted: EventFilter) -> Ask:
        return lambda tx: tx.audit.newest(wanted, before=place, limit=51)

    def oldest(wanted: EventFilter) -> Ask:
        return lambda tx: tx.audit.oldest(wanted, after=place, last_number=count, limit=500)

    filters = event_filters(chain, people, count).items()
    return {
        **{f"{name}, newest first": (newest(wanted), index) for name, (wanted, index) in filters},
        **{f"{name}, oldest first": (oldest(wanted), index) for name, (wanted, index) in filters},
        "the time line of a share": (
            lambda tx: tx.audit.events(share_id=share_id(count // 2)),
            "ix_audit_event_share_id_at_number",
        ),
        "a chain by its numbers": (
            lambda tx: tx.audit.following(chain, after=count // 2, last_number=count, limit=500),
            "audit_event",
        ),
        "what follows a seal": (lambda tx: tx.audit.verify_since(chain, Mark(count - 100, b"")), "audit_event"),
        "the head": (lambda tx: tx.audit.head(chain), "audit_head"),
        "the last checkpoint": (lambda tx: tx.checkpoints.last(chain), "audit_checkpoint"),
        "the checkpoints in order": (
            lambda tx: tx.checkpoints.following(chain, after=5, limit=500),
            "audit_checkpoint",
        ),
    }


def check_plan(database: Database, url: str, ask: Ask, index: str) -> None:
    """The question is answered from its index."""
    with statements() as asked, database.read() as tx:
        ask(tx)
    plan = plans(url, asked)
    assert "audit_" in plan
    assert _EVERY_EVENT_READ.search(plan) is None, plan
    assert index in plan, plan
