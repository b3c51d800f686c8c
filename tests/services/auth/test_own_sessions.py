"""A person's own sessions: seen and ended by their person alone."""

from deldokument.domain.audit import EventKind
from deldokument.services.auth import own_sessions, sessions
from deldokument.services.auth.sessions import Session
from tests.support.stage.stage import KARI, OLA, Stage
from tests.support.stored_data import everything


def log_in(stage: Stage, person: str, device: str = "") -> tuple[str, Session]:
    """The cookie's value of a new session, and the session."""
    started = sessions.begin_login(stage.deps, return_to="/", locale="nb")
    stage.login.person = person
    done = sessions.complete_login(
        stage.deps,
        {"state": f"state-{stage.login.begun}"},
        browser_secret=started.browser_secret,
        previous_secret=None,
        device=device,
    )
    session = sessions.find_session(stage.deps, done.session_secret)
    assert session
    return done.session_secret, session


def listed(stage: Stage, session: Session) -> list[tuple[str, bool]]:
    return [(one.device, one.is_current) for one in own_sessions.list_own_sessions(stage.deps, session)]


def ended(stage: Stage) -> list[str | int]:
    with stage.deps.database.read() as tx:
        events = [event for _, event in tx.audit.events() if event.kind is EventKind.LOGGED_OUT]
    return [(event.details or {})["how"] for event in events]


def test_the_list_has_the_persons_sessions_this_one_first_and_nobody_elses(stage: Stage) -> None:
    _, old = log_in(stage, KARI, "Firefox, Linux")
    log_in(stage, OLA, "Safari, Mac")
    stage.clock.advance(minutes=5)
    log_in(stage, KARI, "Edge, Windows")
    stage.clock.advance(minutes=5)
    _, last = log_in(stage, KARI, "Chrome, Android")
    others = [("Chrome, Android", False), ("Edge, Windows", False)]
    assert listed(stage, old) == [("Firefox, Linux", True), *others]
    assert listed(stage, last) == [("Chrome, Android", True), ("Edge, Windows", False), ("Firefox, Linux", False)]


def test_the_list_says_when_a_session_began_and_was_last_used(stage: Stage) -> None:
    secret, session = log_in(stage, KARI)
    stage.clock.advance(minutes=7)
    sessions.find_session(stage.deps, secret)
    [one] = own_sessions.list_own_sessions(stage.deps, session)
    assert one.began_at < one.seen_at == stage.clock.now()


def test_sessions_that_have_ended_by_themselves_are_not_listed(stage: Stage) -> None:
    busy, _ = log_in(stage, KARI, "old")
    log_in(stage, KARI, "idle")
    for _ in range(8 * 3):
        stage.clock.advance(minutes=20, seconds=1)
        sessions.continues(stage.deps, busy)
    _, session = log_in(stage, KARI, "new")
    assert listed(stage, session) == [("new", True)]


def test_another_session_is_ended_and_only_that_one(stage: Stage) -> None:
    _, session = log_in(stage, KARI)
    secrets = [log_in(stage, KARI)[0] for _ in range(2)]
    other = next(one for one in own_sessions.list_own_sessions(stage.deps, session) if not one.is_current)
    own_sessions.end_own_session(stage.deps, session, other.id)
    own_sessions.end_own_session(stage.deps, session, other.id)
    assert sum(sessions.find_session(stage.deps, secret) is None for secret in secrets) == 1
    assert len(listed(stage, session)) == 2
    assert ended(stage) == ["elsewhere"]


def test_this_session_anothers_and_an_invented_one_are_not_ended_from_the_list(stage: Stage) -> None:
    secret, session = log_in(stage, KARI)
    olas, foreign = log_in(stage, OLA)
    for session_id in (session.token_hash.hex(), foreign.token_hash.hex(), "", "invented"):
        own_sessions.end_own_session(stage.deps, session, session_id)
    assert sessions.find_session(stage.deps, secret)
    assert sessions.find_session(stage.deps, olas)
    assert ended(stage) == []


def test_all_other_sessions_of_the_person_are_ended(stage: Stage) -> None:
    secret, session = log_in(stage, KARI)
    others = [log_in(stage, KARI)[0] for _ in range(3)]
    olas, _ = log_in(stage, OLA)
    own_sessions.end_other_sessions(stage.deps, session)
    assert [sessions.find_session(stage.deps, other) for other in others] == [None] * 3
    assert sessions.find_session(stage.deps, secret)
    assert sessions.find_session(stage.deps, olas)
    assert ended(stage) == ["elsewhere"] * 3


def test_a_session_that_was_ended_elsewhere_cuts_its_running_download(stage: Stage) -> None:
    secret, _ = log_in(stage, KARI)
    _, session = log_in(stage, KARI)
    assert sessions.continues(stage.deps, secret)
    own_sessions.end_other_sessions(stage.deps, session)
    assert not sessions.continues(stage.deps, secret)


def test_the_browser_is_stored_encrypted_and_the_owner_as_a_hash(stage: Stage) -> None:
    log_in(stage, OLA, "Netscape, Amiga")
    stored = everything(stage)
    assert b"Netscape" not in stored
    assert OLA.encode() not in stored
