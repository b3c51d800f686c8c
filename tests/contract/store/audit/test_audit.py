"""The audit trail is complete, in order, found quickly, and shows what was done to it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial

import psycopg
import pytest

from deldokument.domain.audit import GENESIS, NO_TENANT, AuditEvent, EventKind
from deldokument.domain.chain import BEGINNING, Checkpoint, Fault, Flaw, Mark
from deldokument.domain.errors import Broken, Conflict, NotFound
from deldokument.domain.tenants.tenancy import Administrator, Operator
from deldokument.store.audit.audit import EventFilter
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.audit.subjects import Subject
from deldokument.store.database import Database
from deldokument.store.transaction import Transaction
from tests.contract.records import ACCOUNT, DAY, HOUR, KARI, NOW, TENANT, settle
from tests.fakes.integrity import tagging
from tests.support.stored_data import do_as_owner

OPENED = AuditEvent(NOW, EventKind.SHARE_OPENED, "tenant", "share", "subject", {"recipient": "r", "count": 3})
DENIED = AuditEvent(NOW + HOUR, EventKind.SHARE_DENIED, "tenant", "other", None, {"reason": "ukjent «æøå»"})
LATER = AuditEvent(NOW + 2 * HOUR, EventKind.SHARE_OPENED, "tenant", "share", "again")
BARE = AuditEvent(NOW + HOUR, EventKind.CLOCK_CONFIRMED)
FOREIGN = replace(OPENED, tenant_id="z")

Tamper = Callable[[str], None]


@pytest.fixture
def tamper(database_url: str) -> Tamper:
    """Statements of someone who owns the database, triggers out of the way."""
    return partial(do_as_owner, database_url)


def write(database: Database, *events: AuditEvent) -> None:
    for event in events:
        with database.write() as tx:
            tx.audit.append(event)


def verdict(database: Database) -> Fault | None:
    with database.read() as tx:
        return tx.audit.verify()


def stored(database: Database, chain: str = "tenant") -> list[StoredEvent]:
    with database.read() as tx:
        return tx.audit.following(chain, after=0, last_number=1000, limit=1000)


def seal_of(database: Database, number: int, at: datetime = NOW) -> Checkpoint:
    return Checkpoint("tenant", number, stored(database)[number - 1].hash, at, "fingerprint", b"signature")


def test_each_tenant_has_a_chain_of_its_own_and_so_has_what_concerns_none(database: Database) -> None:
    write(database, OPENED, BARE, FOREIGN, DENIED)
    assert [(row.number, row.event) for row in stored(database)] == [(1, OPENED), (2, DENIED)]
    assert [(row.number, row.event) for row in stored(database, "z")] == [(1, FOREIGN)]
    assert [(row.number, row.event) for row in stored(database, NO_TENANT)] == [(1, BARE)]
    with database.read() as tx:
        assert tx.audit.chains() == [NO_TENANT, "tenant", "z"]


def test_an_event_is_linked_to_the_one_before_it_in_its_chain(database: Database) -> None:
    write(database, OPENED, BARE, DENIED)
    first, second = stored(database)
    assert (first.previous, first.hash) == (GENESIS, OPENED.link(1, GENESIS))
    assert (second.previous, second.hash) == (first.hash, DENIED.link(2, first.hash))
    with database.read() as tx:
        assert tx.audit.head("tenant") == Mark(2, second.hash)
        assert tx.audit.head("nobody") == BEGINNING


def test_a_chain_is_read_in_steps_up_to_a_number(database: Database) -> None:
    write(database, OPENED, DENIED, LATER)
    with database.read() as tx:
        assert [e.number for e in tx.audit.following("tenant", after=0, last_number=3, limit=2)] == [1, 2]
        assert [e.number for e in tx.audit.following("tenant", after=2, last_number=3, limit=2)] == [3]
        assert [e.number for e in tx.audit.following("tenant", after=1, last_number=2, limit=2)] == [2]


def test_the_newest_events_of_a_share_come_in_order_with_their_numbers(database: Database) -> None:
    write(database, OPENED, DENIED, LATER, BARE)
    with database.read() as tx:
        assert tx.audit.events(share_id="share") == [(1, OPENED), (3, LATER)]
        assert tx.audit.events(share_id="share", limit=1) == [(3, LATER)]
        assert tx.audit.events() == [(1, OPENED), (1, BARE), (2, DENIED), (3, LATER)]
        assert tx.audit.events(limit=2) == [(2, DENIED), (3, LATER)]


ALL = EventFilter("tenant")


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (ALL, [3, 2, 1]),
        (EventFilter("z"), [1]),
        (replace(ALL, since=NOW + HOUR), [3, 2]),
        (replace(ALL, until=NOW + HOUR), [1]),
        (replace(ALL, since=NOW + HOUR, until=NOW + 2 * HOUR), [2]),
        (replace(ALL, kind=EventKind.SHARE_OPENED), [3, 1]),
        (replace(ALL, kind=EventKind.SHARE_OPENED, since=NOW + HOUR), [3]),
        (replace(ALL, share_id="share"), [3, 1]),
        (replace(ALL, share_id="other", kind=EventKind.SHARE_OPENED), []),
        (replace(ALL, subject_ids=("subject", "again")), [3, 1]),
        (replace(ALL, subject_ids=("again",), share_id="share"), [3]),
        (replace(ALL, subject_ids=("subject", "again"), until=NOW + HOUR), [1]),
        (replace(ALL, subject_ids=("subject",), kind=EventKind.SHARE_DENIED), []),
        (replace(ALL, subject_ids=()), []),
        (replace(ALL, subject_ids=(), share_id="share"), []),
        (replace(ALL, chain="z", subject_ids=("again",)), []),
        (replace(ALL, chain="z", share_id="other"), []),
    ],
)
def test_events_are_found_newest_first_and_oldest_first(
    database: Database, wanted: EventFilter, numbers: list[int]
) -> None:
    write(database, OPENED, FOREIGN, DENIED, LATER)
    with database.read() as tx:
        assert [e.number for e in tx.audit.newest(wanted, before=None, limit=9)] == numbers
        assert [e.number for e in tx.audit.oldest(wanted, after=None, last_number=9, limit=9)] == numbers[::-1]


@pytest.mark.parametrize("wanted", [ALL, replace(ALL, subject_ids=("subject", "again"))])
def test_pages_go_on_where_the_one_before_ended_also_among_events_of_one_instant(
    database: Database, wanted: EventFilter
) -> None:
    write(database, *[replace(OPENED, subject_id=("subject", "again")[n % 2]) for n in range(5)])
    with database.read() as tx:
        assert [e.number for e in tx.audit.newest(wanted, before=(NOW, 4), limit=2)] == [3, 2]
        assert [e.number for e in tx.audit.newest(wanted, before=(NOW, 2), limit=2)] == [1]
        assert [e.number for e in tx.audit.oldest(wanted, after=(NOW, 1), last_number=5, limit=2)] == [2, 3]
        assert [e.number for e in tx.audit.oldest(wanted, after=(NOW, 3), last_number=4, limit=2)] == [4]


def test_a_page_that_goes_on_beyond_the_period_keeps_to_it(database: Database) -> None:
    write(database, OPENED, DENIED, LATER)
    wanted = replace(ALL, since=NOW + HOUR, until=NOW + 2 * HOUR)
    with database.read() as tx:
        assert [e.number for e in tx.audit.newest(wanted, before=(NOW + 3 * HOUR, 9), limit=9)] == [2]
        assert [e.number for e in tx.audit.oldest(wanted, after=(NOW - HOUR, 0), last_number=9, limit=9)] == [2]
        assert tx.audit.newest(wanted, before=(NOW + HOUR, 2), limit=9) == []
        assert tx.audit.oldest(wanted, after=(NOW + HOUR, 2), last_number=9, limit=9) == []


def test_an_untouched_trail_fits_its_chains(database: Database) -> None:
    assert verdict(database) is None
    write(database, OPENED, BARE, DENIED)
    assert verdict(database) is None


def test_a_trail_longer_than_one_step_fits_its_chain(database: Database, tamper: Tamper) -> None:
    with database.write() as tx:
        for _ in range(2100):
            tx.audit.append(BARE)
    assert verdict(database) is None
    tamper("UPDATE audit_event SET share_id = 'x' WHERE number = 2050")
    assert verdict(database) == Fault(NO_TENANT, 2050, Flaw.ALTERED)


@pytest.mark.parametrize(
    ("statement", "number", "flaw"),
    [
        ('UPDATE audit_event SET details = \'{"recipient":"x","count"\\:3}\' WHERE number = 1', 1, Flaw.ALTERED),
        ("UPDATE audit_event SET details = 'no JSON' WHERE number = 1", 1, Flaw.ALTERED),
        ("UPDATE audit_event SET details = '[NaN]' WHERE number = 1", 1, Flaw.ALTERED),
        (f"UPDATE audit_event SET details = '{'[' * 100_000}' WHERE number = 1", 1, Flaw.ALTERED),
        ("UPDATE audit_event SET kind = 'never_heard_of' WHERE number = 2", 2, Flaw.ALTERED),
        ("UPDATE audit_event SET at = at + 1 WHERE number = 2", 2, Flaw.ALTERED),
        ("UPDATE audit_event SET at = 9000000000000000000 WHERE number = 2", 2, Flaw.ALTERED),
        ("UPDATE audit_event SET subject_id = NULL WHERE number = 1", 1, Flaw.ALTERED),
        ("UPDATE audit_event SET previous = hash WHERE number = 2", 2, Flaw.UNLINKED),
        ("UPDATE audit_event SET chain = 'a' WHERE number = 2", 2, Flaw.MISSING),
        ("DELETE FROM audit_event WHERE number = 2", 2, Flaw.MISSING),
        ("DELETE FROM audit_event WHERE number = 3", 3, Flaw.CUT_OFF),
        ("DELETE FROM audit_event", 1, Flaw.CUT_OFF),
        ("DELETE FROM audit_head", 1, Flaw.UNKNOWN),
        ("UPDATE audit_head SET number = 2", 3, Flaw.UNKNOWN),
        ("UPDATE audit_head SET hash = (SELECT hash FROM audit_event WHERE number = 1)", 3, Flaw.REWRITTEN),
    ],
)
def test_the_first_event_that_was_tampered_with_is_named(
    database: Database, tamper: Tamper, statement: str, number: int, flaw: Flaw
) -> None:
    write(database, OPENED, DENIED, LATER)
    tamper(statement)
    found = verdict(database)
    assert found
    assert (found.number, found.flaw) == (
        number if found.chain == "tenant" else 1,
        flaw if found.chain == "tenant" else Flaw.MISSING,
    )


def test_two_events_that_have_changed_places_are_found(database: Database, tamper: Tamper) -> None:
    write(database, OPENED, DENIED, LATER)
    for statement in ("9 WHERE number = 2", "2 WHERE number = 3", "3 WHERE number = 9"):
        tamper(f"UPDATE audit_event SET number = {statement}")
    assert verdict(database) == Fault("tenant", 2, Flaw.UNLINKED)


def rewrite(database: Database, tamper: Tamper, *events: AuditEvent) -> None:
    """A whole chain with a head, as good as the one that was there."""
    tamper("DELETE FROM audit_event")
    tamper("DELETE FROM audit_head")
    write(database, *events)


def test_a_chain_that_was_rewritten_behind_a_seal_is_found(database: Database, tamper: Tamper) -> None:
    write(database, OPENED, DENIED, LATER)
    with database.write() as tx:
        tx.checkpoints.add(seal_of(database, 1))
        tx.checkpoints.add(seal_of(database, 3))
    assert verdict(database) is None
    rewrite(database, tamper, OPENED, replace(DENIED, details=None), LATER)
    assert verdict(database) == Fault("tenant", 3, Flaw.REWRITTEN, after=1)
    rewrite(database, tamper, OPENED, DENIED)
    assert verdict(database) == Fault("tenant", 3, Flaw.CUT_OFF)


def test_what_follows_a_seal_is_verified_without_what_came_before(database: Database, tamper: Tamper) -> None:
    write(database, OPENED, DENIED, LATER)
    second = seal_of(database, 2).mark
    tamper("UPDATE audit_event SET kind = 'x' WHERE number = 1")
    with database.read() as tx:
        assert tx.audit.verify_since("tenant", BEGINNING) == Fault("tenant", 1, Flaw.ALTERED)
        assert tx.audit.verify_since("tenant", second) is None
        assert tx.audit.verify_since("tenant", Mark(2, bytes(32))) == Fault("tenant", 2, Flaw.REWRITTEN)
        assert tx.audit.verify_since("tenant", Mark(7, bytes(32))) == Fault("tenant", 7, Flaw.MISSING)
    tamper("UPDATE audit_event SET kind = 'x' WHERE number = 3")
    with database.read() as tx:
        assert tx.audit.verify_since("tenant", second) == Fault("tenant", 3, Flaw.ALTERED)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_chain_is_verified_in_parts_each_with_its_checkpoints(
    database: Database, tamper: Tamper, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr("deldokument.store.audit.audit._STEP", limit)
    write(database, OPENED, DENIED, LATER)
    with database.write() as tx:
        tx.checkpoints.add(seal_of(database, 2))
    assert verdict(database) is None
    tamper("UPDATE audit_checkpoint SET hash = previous FROM audit_event WHERE audit_event.number = 2")
    assert verdict(database) == Fault("tenant", 2, Flaw.REWRITTEN)
    tamper("DELETE FROM audit_event WHERE number = 3")
    tamper("DELETE FROM audit_checkpoint")
    assert verdict(database) == Fault("tenant", 3, Flaw.CUT_OFF)


def test_chains_that_have_moved_since_an_old_seal_are_to_be_sealed(database: Database) -> None:
    write(database, OPENED, FOREIGN)
    with database.write() as tx:
        assert tx.checkpoints.due_chains(NOW - DAY, NOW) == ["tenant", "z"]
        tx.checkpoints.add(seal_of(database, 1))
    with database.read() as tx:
        assert tx.checkpoints.due_chains(NOW, NOW) == ["z"]
    write(database, DENIED)
    with database.read() as tx:
        assert tx.checkpoints.due_chains(NOW - HOUR, NOW) == ["z"]
        assert tx.checkpoints.due_chains(NOW - HOUR, NOW - HOUR) == ["tenant", "z"]
        assert tx.checkpoints.due_chains(NOW, NOW) == ["tenant", "z"]


def test_seals_are_kept_in_order_and_an_event_is_sealed_once(database: Database) -> None:
    write(database, OPENED, DENIED, LATER)
    seals = [seal_of(database, number, NOW + number * HOUR) for number in (1, 2, 3)]
    with database.write() as tx:
        assert tx.checkpoints.last("tenant") is None
        for seal in seals:
            tx.checkpoints.add(seal)
    with database.read() as tx:
        assert tx.checkpoints.last("tenant") == seals[2]
        assert tx.checkpoints.following("tenant", after=0, limit=2) == seals[:2]
        assert tx.checkpoints.following("tenant", after=2, limit=2) == seals[2:]
        assert tx.checkpoints.following("z", after=0, limit=2) == []
    with pytest.raises(Conflict), database.write() as tx:
        tx.checkpoints.add(seals[0])


def test_certificates_are_kept_once(database: Database) -> None:
    with database.write() as tx:
        for _ in range(2):
            tx.checkpoints.keep_certificate("f1", b"first")
        tx.checkpoints.keep_certificate("f2", b"second")
    with database.read() as tx:
        assert tx.checkpoints.certificates() == {"f1": b"first", "f2": b"second"}


def test_an_event_tampered_beyond_reading_is_broken(database: Database, tamper: Tamper) -> None:
    write(database, OPENED)
    tamper("UPDATE audit_event SET kind = 'never_heard_of'")
    with pytest.raises(Broken), database.read() as tx:
        tx.audit.events()


@pytest.fixture
def forger(database_url: str) -> Iterator[Database]:
    """The same database, for somebody who knows everything but the key of the tags."""
    with closing(tagging(Database(database_url), key=bytes(32))) as opened:
        yield opened


def test_a_chain_that_was_linked_anew_is_found_without_a_seal(
    database: Database, forger: Database, tamper: Tamper
) -> None:
    write(database, OPENED, DENIED, LATER)
    rewrite(forger, tamper, OPENED, replace(DENIED, details=None), LATER)
    assert verdict(database) == Fault("tenant", 1, Flaw.FORGED)


def test_an_event_that_the_service_did_not_write_is_found(database: Database, forger: Database) -> None:
    write(database, OPENED, DENIED)
    write(forger, LATER)
    write(database, OPENED)
    assert verdict(database) == Fault("tenant", 3, Flaw.FORGED)


def test_a_tag_holds_for_the_place_of_its_event_only(database: Database, tamper: Tamper) -> None:
    write(database, OPENED, DENIED)
    tamper("UPDATE audit_event SET tag = (SELECT other.tag FROM audit_event other WHERE other.number = 1)")
    assert verdict(database) == Fault("tenant", 2, Flaw.FORGED)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET kind = 'x'",
        "DELETE FROM audit_event",
        "UPDATE audit_checkpoint SET hash = signature",
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_certificate",
    ],
)
def test_the_database_refuses_to_change_what_was_written(database: Database, database_url: str, statement: str) -> None:
    write_sealed(database)
    refuse(database_url, statement)
    assert verdict(database) is None


def write_sealed(database: Database) -> None:
    """An event, its seal and the seal's certificate."""
    write(database, OPENED)
    with database.write() as tx:
        tx.checkpoints.add(seal_of(database, 1))
        tx.checkpoints.keep_certificate("f", b"certificate")


def refuse(database_url: str, statement: str) -> None:
    """The database does not execute the statement."""
    if database_url.startswith("sqlite"):
        connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.close()
    else:
        with psycopg.connect(database_url) as session, pytest.raises(psycopg.Error, match="append-only"):
            session.execute(statement.encode())


REPLACED = {
    "audit_event": ("chain, number", "previous, hash, at, tag, kind", "kind || 'x'", "chain, number + 1"),
    "audit_checkpoint": (
        "chain, number",
        "hash, signed_at, signature, certificate",
        "certificate || 'x'",
        "chain, number + 1",
    ),
    "audit_certificate": ("fingerprint", "certificate", "x'00'", "fingerprint || 'x'"),
}
"""The tables of the trail: the key, what else a row must have, another last value of that, and another key."""


@pytest.mark.parametrize("table", REPLACED)
def test_the_database_refuses_to_replace_what_was_written(database: Database, database_url: str, table: str) -> None:
    write_sealed(database)
    key, names, other, moved = REPLACED[table]
    *same, last = names.split(", ")
    if database_url.startswith("sqlite"):
        replace_in = f"INSERT OR REPLACE INTO {table}"
        refuse(database_url, f"{replace_in} ({key}, {names}) SELECT {', '.join([key, *same, other])} FROM {table}")
        refuse(database_url, f"{replace_in} (rowid, {key}, {names}) SELECT rowid, {moved}, {names} FROM {table}")
    else:
        again = f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE"
        refuse(database_url, f"{again} SET {last} = excluded.{last}")
    assert verdict(database) is None


def test_an_event_of_a_failed_transaction_leaves_no_gap(database: Database) -> None:
    write(database, OPENED)
    with pytest.raises(NotFound), database.write() as tx:
        _append_and_fail(tx)
    write(database, DENIED)
    assert [(row.number, row.event) for row in stored(database)] == [(1, OPENED), (2, DENIED)]
    assert verdict(database) is None


def _append_and_fail(tx: Transaction) -> None:
    tx.audit.append(LATER)
    raise NotFound


def test_no_event_is_lost_in_a_transaction_that_only_reads(database: Database) -> None:
    with pytest.raises(Broken), database.read() as tx:
        tx.audit.append(OPENED)


def test_subjects_are_found_by_hash_and_by_id(database: Database) -> None:
    ola, siv = Subject("s1", "march", b"ola", b"sealed"), Subject("s2", "march", b"siv", b"sealed")
    again = Subject("s3", "april", b"ola", b"sealed")
    with database.write() as tx:
        assert tx.subjects.find("march", b"ola") is None
        for subject in (ola, siv, again):
            tx.subjects.add(subject)
    with database.read() as tx:
        assert tx.subjects.find("march", b"ola") == ola
        assert tx.subjects.find("april", b"ola") == again
        assert tx.subjects.find("may", b"ola") is None
        assert sorted(tx.subjects.by_ids(["s1", "s2", "s9"]), key=lambda subject: subject.id) == [ola, siv]
    with pytest.raises(Conflict), database.write() as tx:
        tx.subjects.add(Subject("s4", "march", b"ola", b"sealed"))


def test_who_acts_for_a_tenant_is_found_by_hash(database: Database) -> None:
    settle(database)
    ewa, olav = Administrator("ewa", TENANT.id, b"ewa", b"n", b"Ewa"), Operator("olav", b"olav", b"n", b"Olav")
    with database.write() as tx:
        tx.staff.add_administrator(ewa)
        tx.staff.add_operator(olav)
    hashes = [KARI.lookup_hash, b"ewa", b"olav", b"nobody"]
    with database.read() as tx:
        found = {
            (name.office, name.id, name.lookup_hash, name.sealed_name)
            for name in tx.subjects.registered_names("tenant", hashes)
        }
        assert found == {
            ("member", "kari", KARI.lookup_hash, KARI.sealed_name),
            ("administrator", "ewa", b"ewa", b"Ewa"),
            ("operator", "olav", b"olav", b"Olav"),
        }
        assert [name.office for name in tx.subjects.registered_names("z", hashes)] == ["operator"]
    with database.write() as tx:
        tx.members.remove(KARI.id, NOW)
    with database.read() as tx:
        assert tx.subjects.registered_names(ACCOUNT.tenant_id, [KARI.lookup_hash]) == []


def test_the_chain_verifies_when_subjects_are_erased(database: Database) -> None:
    ola, kept = Subject("subject", "march", b"ola", b"sealed"), Subject("other", "april", b"ola", b"sealed")
    with database.write() as tx:
        tx.subjects.add(ola)
        tx.subjects.add(kept)
        tx.audit.append(OPENED)
    with database.write() as tx:
        tx.retention.erase_subjects("march")
    with database.read() as tx:
        assert tx.subjects.by_ids([ola.id, kept.id]) == [kept]
    assert verdict(database) is None
