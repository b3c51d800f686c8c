"""Revision 0002: one chain becomes one for each tenant, nothing is lost, and nothing that was done to it is hidden."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, text

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.adapters.sql.engines import Engines, open_engines
from deldokument.adapters.sql.migrations import configuration, migrate
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import Broken
from tests.fakes.integrity import tagging

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AT = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
_INSERT = text(
    'INSERT INTO audit_event (sequence, "at", kind, tenant_id, share_id, subject_id, details, hash) '
    "VALUES (:sequence, :at, :kind, :tenant_id, :share_id, :subject_id, :details, :hash)"
)

EVENTS = [
    AuditEvent(AT, EventKind.TENANT_CREATED, "tenant"),
    AuditEvent(AT, EventKind.LOGGED_IN, None, None, "subject", {"level": "idporten-loa-high"}),
    AuditEvent(AT + timedelta(hours=1), EventKind.SHARE_OPENED, "other", "share", "s", {"ground": "æøå", "count": 3}),
    AuditEvent(AT - timedelta(hours=1), EventKind.SHARE_DENIED, "tenant", "share", None, {"reason": "not_named"}),
]


@pytest.fixture
def engines(empty_url: str) -> Iterator[Engines]:
    opened = open_engines(empty_url)
    yield opened
    opened.close()


def old_rows(events: Sequence[AuditEvent]) -> Iterator[dict[str, Any]]:
    """As the program before 0002 wrote them."""
    last = bytes(32)
    for sequence, event in enumerate(events, start=1):
        said = [event.at.isoformat(timespec="microseconds"), event.kind.value, event.tenant_id, event.share_id]
        body = json.dumps([*said, event.subject_id, dict(event.details or {})], sort_keys=True, separators=(",", ":"))
        last = hashlib.sha256(last + body.encode()).digest()
        yield {
            "sequence": sequence,
            "at": (event.at - EPOCH) // timedelta(microseconds=1),
            "kind": event.kind.value,
            "tenant_id": event.tenant_id,
            "share_id": event.share_id,
            "subject_id": event.subject_id,
            "details": json.dumps(event.details) if event.details else None,
            "hash": last,
        }


def as_it_was(engines: Engines, rows: Sequence[dict[str, Any]]) -> None:
    """A database of revision 0001 with these events."""
    with engines.write() as connection:
        command.upgrade(configuration(connection), "0001")
    with engines.write() as connection:
        insert(connection, rows)


def insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(_INSERT, rows)
        head = {"sequence": rows[-1]["sequence"], "hash": rows[-1]["hash"]}
        connection.execute(text("UPDATE audit_head SET sequence = :sequence, hash = :hash"), head)


def chains(database: SqlDatabase) -> dict[str, list[AuditEvent]]:
    with database.read() as tx:
        assert tx.audit.verify() is None
        return {
            chain: [e.event for e in tx.audit.following(chain, after=0, last_number=9999, limit=9999)]
            for chain in ("tenant", "other", "-")
        }


def test_each_event_is_linked_anew_in_the_chain_of_its_tenant(empty_url: str, engines: Engines) -> None:
    as_it_was(engines, list(old_rows(EVENTS)))
    migrate(empty_url)
    database = tagging(SqlDatabase(empty_url))
    assert chains(database) == {"tenant": [EVENTS[0], EVENTS[3]], "other": [EVENTS[2]], "-": [EVENTS[1]]}
    with database.write() as tx:
        tx.audit.append(EVENTS[0])
    assert chains(database)["tenant"] == [EVENTS[0], EVENTS[3], EVENTS[0]]
    database.close()


def test_a_trail_of_many_steps_is_linked_whole(empty_url: str, engines: Engines) -> None:
    many = [AuditEvent(AT + timedelta(seconds=n), EventKind.LOGGED_IN, ("tenant", None)[n % 2]) for n in range(2345)]
    as_it_was(engines, list(old_rows(many)))
    migrate(empty_url)
    database = tagging(SqlDatabase(empty_url))
    assert {chain: len(events) for chain, events in chains(database).items()} == {"tenant": 1173, "other": 0, "-": 1172}
    database.close()


def test_a_trail_without_events_has_no_chains(empty_url: str, engines: Engines) -> None:
    as_it_was(engines, [])
    migrate(empty_url)
    with engines.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_head")).scalar_one() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "share_opened"},
        {"details": "no JSON"},
        {"at": 9_000_000_000_000_000_000},
        {"sequence": 7},
        {"hash": bytes(32)},
    ],
)
def test_a_trail_that_does_not_hold_is_not_linked_anew(
    empty_url: str, engines: Engines, changes: dict[str, Any]
) -> None:
    rows = list(old_rows(EVENTS))
    rows[1] |= changes
    as_it_was(engines, rows)
    assert_not_migrated(empty_url, engines)


def test_a_trail_whose_end_was_cut_off_is_not_linked_anew(empty_url: str, engines: Engines) -> None:
    as_it_was(engines, list(old_rows(EVENTS)))
    with engines.write() as connection:
        connection.execute(text("UPDATE audit_head SET sequence = 9"))
    assert_not_migrated(empty_url, engines)


def assert_not_migrated(empty_url: str, engines: Engines) -> None:
    """It is told why, and everything is as it was."""
    with pytest.raises(Broken, match="AuditTrailDoesNotHold"):
        migrate(empty_url)
    with engines.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit_event WHERE sequence > 0")).scalar_one() == 4
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "0001"
