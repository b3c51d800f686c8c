"""Sessions and logins under way are kept as the contract says."""

import re
from dataclasses import asdict, replace

from sqlalchemy import insert, text

from deldokument.store.auth.sessions import PendingLoginRecord, SessionRecord, pending_login
from deldokument.store.database import Database
from deldokument.store.engine.engines import open_engines
from tests.contract.records import HOUR, NOW
from tests.support.query_plans import plans, statements

LOGIN = PendingLoginRecord("state", b"sealed", NOW)
SESSION = SessionRecord(b"token", "csrf", b"sealed", "provider", NOW, b"somebody")


def test_a_login_under_way_is_taken_once(database: Database) -> None:
    with database.write() as tx:
        tx.sessions.add_pending(LOGIN)
    with database.write() as tx:
        assert tx.sessions.take_pending("state") == LOGIN
    with database.write() as tx:
        assert tx.sessions.take_pending("state") is None


def test_logins_under_way_are_counted_without_those_that_have_expired(database: Database) -> None:
    with database.write() as tx:
        for number, began in enumerate((NOW - HOUR, NOW, NOW + HOUR, NOW + HOUR)):
            tx.sessions.add_pending(replace(LOGIN, state=f"state-{number}", created_at=began))
    with database.read() as tx:
        assert tx.sessions.count_pending(NOW, 10) == 3
        assert tx.sessions.count_pending(NOW + 2 * HOUR, 10) == 0
    with database.write() as tx:
        tx.sessions.take_pending("state-1")
        assert tx.sessions.count_pending(NOW, 10) == 2


def test_counting_logins_under_way_stops_at_the_limit_and_reads_an_index(database: Database, database_url: str) -> None:
    fill_pending(database_url, 5_000)
    with database.read() as tx, statements() as asked:
        assert tx.sessions.count_pending(NOW, 1_000) == 1_000
    found = plans(database_url, asked)
    assert "ix_pending_login_created_at" in found
    assert not re.search("Seq Scan|SCAN pending_login|TEMP B-TREE", found)


def fill_pending(url: str, count: int) -> None:
    """So many logins that began just now; PostgreSQL looks at what it has got."""
    engines = open_engines(url)
    row = asdict(LOGIN)
    with engines.write() as connection:
        connection.execute(insert(pending_login), [{**row, "state": f"state-{number}"} for number in range(count)])
        connection.execute(text("ANALYZE pending_login"))
    engines.close()


def test_a_session_is_found_by_its_token_until_it_is_removed(database: Database) -> None:
    with database.write() as tx:
        tx.sessions.add(SESSION)
        tx.sessions.add(other := replace(SESSION, token_hash=b"other", provider_session_id=None))
    with database.read() as tx:
        assert tx.sessions.get(b"token") == SESSION
    with database.write() as tx:
        tx.sessions.remove(b"token")
        tx.sessions.remove(b"nothing")
    with database.read() as tx:
        assert tx.sessions.get(b"token") is None
        assert tx.sessions.get(b"other") == other


def test_the_sessions_of_one_session_at_the_provider_are_removed_and_returned(database: Database) -> None:
    twin = replace(SESSION, token_hash=b"twin")
    others = [
        replace(SESSION, token_hash=b"another", provider_session_id="provider-2"),
        replace(SESSION, token_hash=b"untold", provider_session_id=None),
    ]
    with database.write() as tx:
        for session in (SESSION, twin, *others):
            tx.sessions.add(session)
    with database.write() as tx:
        removed = tx.sessions.remove_by_provider_session("provider")
        assert sorted(removed, key=lambda session: session.token_hash) == [SESSION, twin]
        assert tx.sessions.remove_by_provider_session("provider") == []
    with database.read() as tx:
        assert [tx.sessions.get(session.token_hash) for session in (SESSION, twin, *others)] == [None, None, *others]


def test_a_session_follows_another_login_at_the_provider(database: Database) -> None:
    with database.write() as tx:
        tx.sessions.add(SESSION)
        tx.sessions.follow(b"token", b"sealed anew", "provider-2")
        tx.sessions.follow(b"nothing", b"sealed anew", "provider-2")
    followed = replace(SESSION, sealed_identity=b"sealed anew", provider_session_id="provider-2")
    with database.write() as tx:
        assert tx.sessions.get(b"token") == followed
        assert tx.sessions.remove_by_provider_session("provider") == []
        assert tx.sessions.remove_by_provider_session("provider-2") == [followed]


def test_activity_is_noted_and_never_goes_back(database: Database) -> None:
    with database.write() as tx:
        tx.sessions.add(SESSION)
        tx.sessions.touch(b"token", NOW + HOUR)
        tx.sessions.touch(b"token", NOW)
        tx.sessions.touch(b"nothing", NOW)
        assert tx.sessions.get(b"token") == replace(SESSION, seen_at=NOW + HOUR)


def test_the_sessions_of_a_person_are_found_and_all_but_one_removed(database: Database) -> None:
    own = [
        replace(SESSION, token_hash=f"own {n}".encode(), owner_hash=b"owner", seen_at=NOW + n * HOUR) for n in range(3)
    ]
    others = [replace(SESSION, token_hash=b"another", owner_hash=b"another"), SESSION]
    with database.write() as tx:
        for session in (*own, *others):
            tx.sessions.add(session)
    with database.write() as tx:
        assert tx.sessions.of_owner(b"owner") == own[::-1]
        removed = tx.sessions.remove_others(b"owner", b"own 1")
        assert sorted(removed, key=lambda session: session.token_hash) == [own[0], own[2]]
        assert tx.sessions.of_owner(b"owner") == [own[1]]
        assert tx.sessions.of_owner(b"nobody") == []
        assert [tx.sessions.get(session.token_hash) for session in others] == others


def test_a_session_keeps_a_form_until_it_is_dropped(database: Database) -> None:
    with database.write() as tx:
        tx.sessions.add(SESSION)
        tx.sessions.keep_form(b"token", b"form")
        tx.sessions.keep_form(b"nothing", b"form")
        assert tx.sessions.get(b"token") == replace(SESSION, sealed_form=b"form")
        tx.sessions.keep_form(b"token", None)
        assert tx.sessions.get(b"token") == SESSION
        assert tx.sessions.get(b"nothing") is None


def test_the_sessions_of_a_person_are_found_by_an_index(database: Database, database_url: str) -> None:
    with database.read() as tx, statements() as asked:
        tx.sessions.of_owner(b"owner")
    assert not re.search("SCAN session", plans(database_url, asked))


def test_idle_sessions_and_old_logins_are_removed_and_counted(database: Database) -> None:
    with database.write() as tx:
        tx.sessions.add(SESSION)
        tx.sessions.add(replace(SESSION, token_hash=b"fresh", seen_at=NOW + HOUR))
        tx.sessions.add_pending(LOGIN)
        tx.sessions.add_pending(replace(LOGIN, state="fresh", created_at=NOW + HOUR))
        assert tx.sessions.remove_idle(NOW + HOUR) == 2
        assert tx.sessions.get(b"token") is None
        assert tx.sessions.get(b"fresh") is not None
        assert tx.sessions.take_pending("state") is None
        assert tx.sessions.take_pending("fresh") is not None
