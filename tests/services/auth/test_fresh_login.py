"""Forms that wait for a fresh login: for their person, in that browser, and nowhere in the clear."""

import pytest

from deldokument.domain.errors import TooLarge
from deldokument.services.auth import fresh_login, sessions
from deldokument.services.auth.kept_forms import KeptForm
from deldokument.services.auth.sessions import Session
from tests.support.stage.stage import KARI, OLA, Stage
from tests.support.stored_data import everything

FORM = KeptForm("/drift/ny", "/drift/ny?fra=liste", "Register an organisation", {"name": "Ewa", "number": OLA})


def log_in(stage: Stage, person: str, previous: str | None = None) -> tuple[str, Session]:
    """The cookie's value of a new session that replaces the previous one, and the session."""
    started = sessions.begin_login(stage.deps, return_to="/", locale="nb")
    stage.login.person = person
    answer = {"state": f"state-{stage.login.begun}"}
    done = sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=previous)
    return done.session_secret, again(stage, done.session_secret)


def again(stage: Stage, secret: str) -> Session:
    session = sessions.find_session(stage.deps, secret)
    assert session
    return session


def test_a_form_waits_until_it_is_dropped(stage: Stage) -> None:
    secret, session = log_in(stage, KARI)
    assert fresh_login.kept_form(stage.deps, session) is None
    fresh_login.keep_form(stage.deps, session, FORM)
    session = again(stage, secret)
    assert session.keeps_form
    assert fresh_login.kept_form(stage.deps, session) == FORM
    fresh_login.drop_form(stage.deps, session)
    session = again(stage, secret)
    assert not session.keeps_form
    assert fresh_login.kept_form(stage.deps, session) is None
    fresh_login.drop_form(stage.deps, session)


def test_the_form_goes_with_the_person_to_the_next_session(stage: Stage) -> None:
    secret, session = log_in(stage, KARI)
    fresh_login.keep_form(stage.deps, session, FORM)
    secret, session = log_in(stage, KARI, previous=secret)
    assert fresh_login.kept_form(stage.deps, session) == FORM
    _, session = log_in(stage, KARI, previous=secret)
    assert fresh_login.kept_form(stage.deps, session) == FORM


def test_another_person_and_another_browser_get_no_form(stage: Stage) -> None:
    secret, session = log_in(stage, KARI)
    fresh_login.keep_form(stage.deps, session, FORM)
    _, elsewhere = log_in(stage, KARI)
    assert fresh_login.kept_form(stage.deps, elsewhere) is None
    _, other = log_in(stage, OLA, previous=secret)
    assert fresh_login.kept_form(stage.deps, other) is None
    _, planted = log_in(stage, KARI, previous="planted")
    assert fresh_login.kept_form(stage.deps, planted) is None


def test_a_session_that_has_ended_has_no_form(stage: Stage) -> None:
    secret, session = log_in(stage, KARI)
    fresh_login.keep_form(stage.deps, session, FORM)
    sessions.end_session(stage.deps, secret, session)
    assert fresh_login.kept_form(stage.deps, session) is None


def test_a_form_is_not_stored_in_the_clear_and_has_a_greatest_length(stage: Stage) -> None:
    _, session = log_in(stage, KARI)
    fresh_login.keep_form(stage.deps, session, FORM)
    assert OLA.encode() not in everything(stage)
    assert OLA not in repr(FORM)
    with pytest.raises(TooLarge):
        fresh_login.keep_form(stage.deps, session, KeptForm("/", "/", "", {"name": "x" * 17_000}))
    assert fresh_login.kept_form(stage.deps, session) == FORM
