"""Logging in, staying logged in, logging out."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import LoginFailed, NotReady, RateLimited, Unavailable
from deldokument.services.auth import own_sessions, sessions
from deldokument.services.auth.roles import Roles, find_person, roles_of
from deldokument.services.auth.sessions import LoginDone, LoginStarted
from deldokument.services.maintenance import retention
from deldokument.services.tenants import registration
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.stage import KARI, NOON, OLA, FakeLogin, Stage
from tests.support.stored_data import everything


def begin(stage: Stage) -> tuple[LoginStarted, dict[str, str]]:
    started = sessions.begin_login(stage.deps, return_to="/del", locale="nb")
    return started, {"state": f"state-{stage.login.begun}", "code": "code"}


def log_in(stage: Stage, previous: str | None = None) -> LoginDone:
    started, answer = begin(stage)
    return sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=previous)


def test_after_login_the_cookie_names_the_person_and_the_wanted_page_follows(stage: Stage) -> None:
    done = log_in(stage)
    session = sessions.find_session(stage.deps, done.session_secret)
    assert session is not None
    assert session.person.value == stage.login.person
    assert done.return_to == "/del"
    assert session.id_token == "id-token"


def test_no_cookie_and_an_invented_cookie_are_no_session(stage: Stage) -> None:
    log_in(stage)
    for secret in (None, "", "invented"):
        assert sessions.find_session(stage.deps, secret) is None
        assert find_person(stage.deps, secret) == (None, Roles())


def test_a_page_finds_the_session_and_the_roles_of_its_person(stage: Stage) -> None:
    stage.login.person = KARI
    secret = log_in(stage).session_secret
    stage.clock.advance(minutes=10)
    session, roles = find_person(stage.deps, secret)
    assert session is not None
    assert session.person.value == KARI
    assert roles.memberships
    assert roles == roles_of(stage.deps, session.person)
    stage.clock.advance(minutes=25)
    assert sessions.find_session(stage.deps, secret) is not None


def test_a_session_ends_after_thirty_minutes_without_a_request(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    stage.clock.advance(minutes=30)
    assert sessions.find_session(stage.deps, secret) is not None
    stage.clock.advance(minutes=30, seconds=1)
    assert sessions.find_session(stage.deps, secret) is None


def test_a_session_lives_as_long_as_it_is_used(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    for _ in range(200):
        stage.clock.advance(seconds=25)
        assert sessions.find_session(stage.deps, secret) is not None
    assert stage.clock.now() > NOON + sessions.IDLE * 2


def test_a_session_ends_eight_hours_after_the_login_however_much_it_is_used(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    for _ in range(8 * 6):
        stage.clock.advance(minutes=10)
        assert sessions.find_session(stage.deps, secret) is not None
    stage.clock.advance(seconds=1)
    assert sessions.find_session(stage.deps, secret) is None


def test_a_writer_of_the_database_makes_no_session_last_longer_than_eight_hours(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    token_hash = hashlib.sha256(secret.encode()).digest()
    session = sessions.find_session(stage.deps, secret)
    assert session
    stage.clock.advance(hours=8, seconds=1)
    with stage.deps.database.write() as tx:
        found = tx.sessions.get(token_hash)
        assert found
        tx.sessions.remove(token_hash)
        tx.sessions.add(replace(found, seen_at=stage.clock.now()))
    assert sessions.find_session(stage.deps, secret) is None
    assert own_sessions.list_own_sessions(stage.deps, session) == []


def test_a_running_download_goes_on_after_eight_hours_but_not_after_the_session_was_ended(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    session = sessions.find_session(stage.deps, secret)
    assert session
    for _ in range(9 * 6):
        stage.clock.advance(minutes=10)
        assert sessions.continues(stage.deps, secret)
        retention.end_idle_sessions(stage.deps)
    assert sessions.find_session(stage.deps, secret) is None
    sessions.end_session(stage.deps, secret, session)
    assert not sessions.continues(stage.deps, secret)


def test_a_download_that_has_stopped_keeps_no_session(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    stage.clock.advance(minutes=30, seconds=1)
    assert not sessions.continues(stage.deps, secret)
    assert not sessions.continues(stage.deps, None)


def test_a_login_is_fresh_for_fifteen_minutes_after_the_electronic_id_was_used(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    session = sessions.find_session(stage.deps, secret)
    assert session
    assert session.is_fresh(NOON + timedelta(minutes=15))
    assert not session.is_fresh(NOON + timedelta(minutes=15, seconds=1))


def test_a_login_that_the_provider_remembered_is_as_old_as_it_is_there(stage: Stage) -> None:
    stage.login.age = timedelta(minutes=10)
    session = sessions.find_session(stage.deps, log_in(stage).session_secret)
    assert session
    assert session.authenticated_at == NOON - timedelta(minutes=10)


def test_a_provider_with_a_clock_ahead_makes_no_login_fresher_than_now(stage: Stage) -> None:
    stage.login.age = -timedelta(minutes=10)
    session = sessions.find_session(stage.deps, log_in(stage).session_secret)
    assert session
    assert session.authenticated_at == NOON


def test_a_fresh_login_asks_the_provider_for_the_electronic_id(stage: Stage) -> None:
    begin(stage)
    assert not stage.login.asked_fresh
    sessions.begin_login(stage.deps, return_to="/", locale="nb", fresh=True)
    assert stage.login.asked_fresh


def test_logging_in_makes_a_new_id_and_ends_the_session_before(stage: Stage) -> None:
    first = log_in(stage).session_secret
    second = log_in(stage, previous=first).session_secret
    assert first != second
    assert sessions.find_session(stage.deps, first) is None
    assert sessions.find_session(stage.deps, second) is not None


def test_a_session_that_a_stranger_planted_is_not_the_one_after_login(stage: Stage) -> None:
    done = log_in(stage, previous="planted")
    assert sessions.find_session(stage.deps, "planted") is None
    assert done.session_secret != "planted"


def test_an_answer_from_the_provider_is_taken_once(stage: Stage) -> None:
    started, answer = begin(stage)
    sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=None)
    with pytest.raises(LoginFailed, match="login_refused"):
        sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=None)


def test_an_answer_is_refused_in_another_browser_than_the_one_that_began(stage: Stage) -> None:
    _, answer = begin(stage)
    other, _ = begin(stage)
    with pytest.raises(LoginFailed, match="login_refused"):
        sessions.complete_login(stage.deps, answer, browser_secret=other.browser_secret, previous_secret=None)


def test_a_login_that_was_encrypted_for_another_state_is_refused_as_damage(stage: Stage) -> None:
    _, theirs = begin(stage)
    started, answer = begin(stage)
    with stage.deps.database.write() as tx:
        other, own = (tx.sessions.take_pending(one["state"]) for one in (theirs, answer))
        assert other
        assert own
        tx.sessions.add_pending(replace(own, sealed_login=other.sealed_login))
    with pytest.raises(LoginFailed, match="login_refused"):
        sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=None)
    assert [row.kind for row in stage.deps.damage.take()] == ["pending_login"]


@pytest.mark.parametrize("answer", [{}, {"state": ""}, {"state": "invented"}])
def test_an_answer_to_no_login_is_refused(stage: Stage, answer: dict[str, str]) -> None:
    started, _ = begin(stage)
    with pytest.raises(LoginFailed, match="login_refused"):
        sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=None)


def test_a_login_that_took_more_than_fifteen_minutes_is_refused(stage: Stage) -> None:
    started, answer = begin(stage)
    stage.clock.advance(minutes=15, seconds=1)
    with pytest.raises(LoginFailed, match="login_refused"):
        sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=None)


def test_no_more_logins_are_begun_than_the_limit_until_one_ends_or_expires(stage: Stage) -> None:
    deps = replace(stage.deps, config=replace(stage.deps.config, max_pending_logins=2))
    limited = replace(stage, deps=deps)
    started, answer = begin(limited)
    begin(limited)
    with pytest.raises(NotReady, match="login_busy"):
        begin(limited)
    assert stage.login.begun == 2
    sessions.complete_login(deps, answer, browser_secret=started.browser_secret, previous_secret=None)
    begin(limited)
    with pytest.raises(NotReady):
        begin(limited)
    stage.clock.advance(minutes=15, seconds=1)
    begin(limited)


def test_only_the_browser_that_began_a_failed_login_learns_its_destination(stage: Stage) -> None:
    started, answer = begin(stage)
    with pytest.raises(LoginFailed) as elsewhere:
        sessions.complete_login(stage.deps, answer, browser_secret="another", previous_secret=None)
    assert "return_to" not in elsewhere.value.params
    stage.login.failure = LoginFailed("login_level")
    started, answer = begin(stage)
    with pytest.raises(LoginFailed) as here:
        sessions.complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=None)
    assert here.value.params["return_to"] == "/del"


def test_a_cancelled_login_is_reported_and_creates_no_session(stage: Stage) -> None:
    started, answer = begin(stage)
    with pytest.raises(LoginFailed, match="login_cancelled"):
        sessions.complete_login(
            stage.deps,
            answer | {"error": "access_denied"},
            browser_secret=started.browser_secret,
            previous_secret=None,
        )


@pytest.mark.parametrize("number", ["", "not a number", "01017012345"])
def test_a_person_that_cannot_be_is_refused(stage: Stage, number: str) -> None:
    stage.login.person = number
    with pytest.raises(LoginFailed) as caught:
        log_in(stage)
    assert caught.value.code == "login_refused"
    assert caught.value.detail.startswith("pid: ")


def test_a_synthetic_person_is_refused_where_only_real_ones_are_allowed(stage: Stage) -> None:
    real = replace(stage, deps=replace(stage.deps, config=replace(stage.deps.config, allow_synthetic=False)))
    with pytest.raises(LoginFailed, match="person_number_synthetic"):
        log_in(real)


def test_logging_out_ends_the_session_here_and_says_how_it_ends_at_the_provider(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    session = sessions.find_session(stage.deps, secret)
    assert session is not None
    form = sessions.end_session(stage.deps, secret, session)
    assert form.fields["id_token_hint"] == "id-token"
    assert sessions.find_session(stage.deps, secret) is None


def test_with_the_provider_down_the_session_here_has_ended_all_the_same(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    session = sessions.find_session(stage.deps, secret)
    assert session is not None
    stage.login.error = Unavailable("login_unavailable")
    with pytest.raises(Unavailable):
        sessions.end_session(stage.deps, secret, session)
    assert sessions.find_session(stage.deps, secret) is None


def test_neither_the_cookie_nor_the_person_nor_the_token_is_stored(stage: Stage) -> None:
    stage.login.person = OLA
    done = log_in(stage)
    started, _ = begin(stage)
    stored = everything(stage)
    for secret in (done.session_secret, started.browser_secret, OLA, "id-token"):
        assert secret.encode() not in stored


def test_logging_in_and_out_is_recorded_without_a_number(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    session = sessions.find_session(stage.deps, secret)
    assert session is not None
    sessions.end_session(stage.deps, secret, session)
    with stage.deps.database.read() as tx:
        events = [event for _, event in tx.audit.events() if event.tenant_id is None]
    assert [event.kind for event in events] == [EventKind.LOGGED_IN, EventKind.LOGGED_OUT]
    assert events[0].details == {"level": "idporten-loa-high"}
    assert events[1].details == {"how": "here"}
    assert events[0].subject_id == events[1].subject_id is not None


def logged_out(stage: Stage) -> list[str | int]:
    """How those who were logged out were."""
    with stage.deps.database.read() as tx:
        events = [event for _, event in tx.audit.events() if event.kind is EventKind.LOGGED_OUT]
    assert all(event.subject_id for event in events)
    return [(event.details or {})["how"] for event in events]


def test_what_ends_at_the_provider_ends_here_in_every_browser_of_that_session(stage: Stage) -> None:
    secrets = [log_in(stage).session_secret, log_in(stage).session_secret]
    framers = sessions.end_by_front_channel(stage.deps, issuer="https://login.example", provider_session_id="sid-1")
    assert framers == ("https://login.example", "https://pages.login.example")
    assert [sessions.find_session(stage.deps, secret) for secret in secrets] == [None, None]
    assert logged_out(stage) == ["front_channel", "front_channel"]


def test_a_session_that_is_not_here_is_ended_with_the_same_answer(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    framers = sessions.end_by_front_channel(stage.deps, issuer="https://login.example", provider_session_id="another")
    assert framers == ("https://login.example", "https://pages.login.example")
    assert sessions.find_session(stage.deps, secret) is not None
    assert logged_out(stage) == []


@pytest.mark.parametrize(("issuer", "session"), [("https://other.example", "sid-1"), ("https://login.example", "")])
def test_another_issuer_ends_nothing(stage: Stage, issuer: str, session: str) -> None:
    secret = log_in(stage).session_secret
    with pytest.raises(LoginFailed, match="login_refused"):
        sessions.end_by_front_channel(stage.deps, issuer=issuer, provider_session_id=session)
    assert sessions.find_session(stage.deps, secret) is not None


def test_the_session_has_ended_even_when_the_providers_pages_cannot_be_named(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    stage.login.error = Unavailable("login_unavailable")
    with pytest.raises(Unavailable):
        sessions.end_by_front_channel(stage.deps, issuer="https://login.example", provider_session_id="sid-1")
    assert sessions.find_session(stage.deps, secret) is None


def test_a_token_of_the_back_channel_ends_its_session_and_a_refused_one_nothing(stage: Stage) -> None:
    secret = log_in(stage).session_secret
    with pytest.raises(LoginFailed):
        sessions.end_by_back_channel(stage.deps, "forged")
    sessions.end_by_back_channel(stage.deps, "ended:another")
    assert sessions.find_session(stage.deps, secret) is not None
    sessions.end_by_back_channel(stage.deps, "ended:sid-1")
    assert sessions.find_session(stage.deps, secret) is None
    assert logged_out(stage) == ["back_channel"]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def named_at_the_provider(stage: Stage, name: str) -> None:
    registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, on_behalf_of=name)


def begin_for(stage: Stage, number: str) -> str:
    """In whose name the provider was asked."""
    sessions.begin_login(stage.deps, return_to="/", locale="nb", organization_number=number)
    return stage.login.on_behalf_of


def test_a_login_for_a_tenant_is_in_its_name_until_the_provider_has_answered(stage: Stage) -> None:
    named_at_the_provider(stage, "eksempel_kommune")
    started = sessions.begin_login(
        stage.deps, return_to="/", locale="nb", organization_number=stage.tenant.organization_number
    )
    assert stage.login.on_behalf_of == "eksempel_kommune"
    sessions.complete_login(
        stage.deps, {"state": "state-1"}, browser_secret=started.browser_secret, previous_secret=None
    )
    assert stage.login.completed is not None
    assert stage.login.completed.on_behalf_of == "eksempel_kommune"


def test_a_login_for_a_tenant_without_a_name_or_not_in_use_is_in_the_operators_name(stage: Stage) -> None:
    number = stage.tenant.organization_number
    assert begin_for(stage, number) == ""
    named_at_the_provider(stage, "eksempel_kommune")
    assert [begin_for(stage, other) for other in ("", "999999999", "\0")] == ["", "", ""]
    with stage.deps.database.write() as tx:
        tx.tenants.save(replace(stage.tenant, on_behalf_of="eksempel_kommune", activated_at=None))
    assert begin_for(stage, number) == ""


def test_a_logout_that_met_a_silent_database_may_be_sent_again(stage: Stage) -> None:
    spent: list[str] = []

    class RecordingLogin(FakeLogin):
        @contextmanager
        def ended_session(self, logout_token: str) -> Iterator[str]:
            yield "sid-1"
            spent.append(logout_token)

    database = FaultyDatabase(stage.deps.database, fail=Unavailable("database"))
    deps = replace(stage.deps, login=RecordingLogin(), database=database)
    with pytest.raises(Unavailable):
        sessions.end_by_back_channel(deps, "token")
    assert spent == []
    sessions.end_by_back_channel(deps, "token")
    assert spent == ["token"]


def test_a_browser_begins_so_many_logins_in_an_hour(stage: Stage) -> None:
    deps = replace(stage.deps, config=replace(stage.deps.config, logins_per_hour=2))
    secret = sessions.begin_login(deps, return_to="/", locale="nb").browser_secret
    for _ in range(2):
        sessions.begin_login(deps, return_to="/", locale="nb", browser_secret=secret)
    with pytest.raises(RateLimited, match="login_limit"):
        sessions.begin_login(deps, return_to="/", locale="nb", browser_secret=secret)
    assert stage.login.begun == 3
    sessions.begin_login(deps, return_to="/", locale="nb")


def test_a_person_completes_so_many_logins_in_an_hour_and_keeps_the_session_that_there_is(stage: Stage) -> None:
    deps = replace(stage.deps, config=replace(stage.deps.config, logins_per_hour=1))

    def log_in_there() -> LoginDone:
        started = sessions.begin_login(deps, return_to="/del", locale="nb")
        answer = {"state": f"state-{stage.login.begun}", "code": "code"}
        return sessions.complete_login(deps, answer, browser_secret=started.browser_secret, previous_secret=None)

    secret = log_in_there().session_secret
    with pytest.raises(RateLimited, match="login_limit") as caught:
        log_in_there()
    assert caught.value.params["return_to"] == "/del"
    assert sessions.find_session(deps, secret) is not None
    stage.login.person = OLA
    log_in_there()


@pytest.mark.parametrize("emptied", [True, False])
def test_a_session_with_another_ones_identity_is_none(stage: Stage, *, emptied: bool) -> None:
    mine = log_in(stage).session_secret
    stage.login.person = OLA
    theirs = log_in(stage).session_secret
    session = sessions.find_session(stage.deps, theirs)
    assert session is not None
    with stage.deps.database.write() as tx:
        for secret in (mine, theirs):
            tx.sessions.follow(hashlib.sha256(secret.encode()).digest(), b"" if emptied else b"\x01" * 93, "sid-2")
    assert sessions.find_session(stage.deps, mine) is None
    assert own_sessions.list_own_sessions(stage.deps, session) == []
    begun, answer = begin(stage)
    sessions.complete_login(stage.deps, answer, browser_secret=begun.browser_secret, previous_secret=mine)
    sessions.end_by_front_channel(stage.deps, issuer=stage.login.issuer, provider_session_id="sid-2")
    assert EventKind.LOGGED_OUT not in {event.kind for _, event in stage.trail()}
    assert {row.kind for row in stage.deps.damage.take()} == {"session"}
