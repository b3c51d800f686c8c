"""No row logs anybody in: sessions are encrypted for the hash of their cookie, pending logins for their state."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text, update

from deldokument.store.engine.schema import metadata
from tests.attacker.attack import Attack, as_writer, rows_of
from tests.support.browser import Browser

pytestmark = pytest.mark.timeout(600)
session, pending_login = (metadata.tables[name] for name in ("session", "pending_login"))
COOKIE = "a cookie that the attacker chose"
_PAGES = ("/mine", "/delinger", "/innlogginger", "/drift", "/varsler")


def statuses(browser: Browser) -> list[int]:
    """What the pages of those who are logged in answer."""
    return [browser.get(path).status_code for path in _PAGES]


def rows(attack: Attack, connection: Connection) -> dict[str, dict[str, Any]]:
    """The rows of the sessions, by the name of their browser."""
    victims = attack.victims
    hashes = {
        sha256(browser.http.cookies.get(victims.web.session_cookie, "").encode()).digest(): name
        for name, browser in victims.browsers.items()
    }
    every = rows_of(connection, "session")["session"]
    return {hashes[row["token_hash"]]: row for row in every if row["token_hash"] in hashes}


@pytest.mark.parametrize("victim", ["operator", "administrator", "sharer", "recipient"])
def test_a_session_that_is_inserted_logs_nobody_in(attack: Attack, victim: str) -> None:
    browser = attack.victims.web.browser()
    anonymous = statuses(browser)
    with as_writer(attack.victims.stage.database_url) as connection:
        theirs = rows(attack, connection)[victim]
        later = {"seen_at": theirs["seen_at"] + timedelta(minutes=1)}
        connection.execute(insert(session).values(theirs | later | {"token_hash": sha256(COOKIE.encode()).digest()}))
    browser.http.cookies.set(attack.victims.web.session_cookie, COOKIE)
    assert statuses(browser) == anonymous
    assert {kind for kind, _ in attack.alarms()} == {"session"}


def test_an_own_session_never_becomes_another_persons(attack: Attack) -> None:
    browser = attack.victims.browsers["stranger"]
    before = statuses(browser)
    with as_writer(attack.victims.stage.database_url) as connection:
        found = rows(attack, connection)
        mine, theirs = found["stranger"], found["operator"]
        its_own = session.c.token_hash == mine["token_hash"]
        connection.execute(delete(session).where(session.c.token_hash == theirs["token_hash"]))
        others = {name: value for name, value in theirs.items() if name not in {"token_hash", "sealed_identity"}}
        connection.execute(update(session).where(its_own).values(others))
    assert statuses(browser) == before
    with as_writer(attack.victims.stage.database_url) as connection:
        connection.execute(update(session).where(its_own).values(sealed_identity=theirs["sealed_identity"]))
    assert 200 not in statuses(browser)


# On PostgreSQL the same attack uses a column type with its own equality (contract/store/engine/test_asked_rows.py).
@pytest.mark.embedded("a view of SQLite, which the file that is put back replaces")
def test_a_view_that_answers_with_another_persons_session_logs_nobody_in(attack: Attack) -> None:
    browser = attack.victims.browsers["stranger"]
    with as_writer(attack.victims.stage.database_url) as connection:
        found = rows(attack, connection)
        mine, theirs = (found[name]["token_hash"].hex() for name in ("stranger", "operator"))
        others = ", ".join(f'"{column.name}"' for column in session.c if column.name != "token_hash")
        connection.execute(text("ALTER TABLE session RENAME TO real_session"))
        # Evaluated once in the WHERE clause and once in the result, so a quarter of the answers differ.
        connection.execute(
            text(
                f"CREATE VIEW session AS SELECT CASE WHEN token_hash = x'{theirs}' AND random() % 2 "
                f"THEN x'{mine}' ELSE token_hash END AS token_hash, {others} FROM real_session "
                f"WHERE token_hash != x'{mine}'"
            )
        )
    assert 200 not in [browser.get("/drift").status_code for _ in range(40)]
    assert ("session", theirs) in attack.alarms()


def test_a_login_that_is_copied_to_the_attackers_state_logs_the_victims_browser_in_as_nobody(attack: Attack) -> None:
    web = attack.victims.web
    victim, attacker = web.browser(), web.browser()
    states = []
    for browser in (victim, attacker):
        browser.begin_login()
        states.append(f"state-{web.stage.login.begun}")
    anonymous = statuses(victim)
    with as_writer(attack.victims.stage.database_url) as connection:
        found = {row["state"]: row for row in rows_of(connection, "pending_login")["pending_login"]}
        theirs, own = (found[state] for state in states)
        its_own = pending_login.c.state == own["state"]
        connection.execute(update(pending_login).where(its_own).values(theirs | {"state": own["state"]}))
    answer = victim.get("/logg-inn/svar", params={"code": "code", "state": own["state"]})
    assert answer.status_code == 403
    assert statuses(victim) == anonymous
    assert ("pending_login", sha256(own["state"].encode()).hexdigest()) in attack.alarms()
