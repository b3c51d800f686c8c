"""Codes and tokens of programs: who gets one, for what, and when it ends."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest

from deldokument.domain.errors import RateLimited, TokenRefused
from deldokument.services.auth import own_sessions, programs, sessions
from deldokument.services.auth.sessions import Session
from deldokument.store.auth.programs import ProgramRecord
from tests.services.auth.test_own_sessions import log_in
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.stage import OLA, SIV, Stage
from tests.support.stored_data import everything

VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SHARE = "A" * 22


def token_of(stage: Stage, session: Session, share_id: str = SHARE) -> str:
    code = programs.issue_code(stage.deps, session, share_id, CHALLENGE)
    return programs.redeem_code(stage.deps, share_id, code, VERIFIER).token


def opens(stage: Stage, token: str, share_id: str = SHARE) -> bool:
    try:
        programs.find_program(stage.deps, token, share_id)
    except TokenRefused:
        return False
    return True


def refused(stage: Stage, share_id: str, code: str, verifier: str) -> bool:
    with pytest.raises(TokenRefused) as caught:
        programs.redeem_code(stage.deps, share_id, code, verifier)
    return caught.value.code == "program_code_refused"


def test_a_token_represents_its_person_at_one_share_and_has_no_csrf_token(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    code = programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    issued = programs.redeem_code(stage.deps, SHARE, code, VERIFIER)
    assert issued.expires_at == session.began_at + sessions.MAX_AGE
    found = programs.find_program(stage.deps, issued.token, SHARE)
    assert found == replace(session, csrf_token="")
    assert programs.program_continues(stage.deps, issued.token, SHARE)


def test_a_code_is_good_once(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    code = programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    programs.redeem_code(stage.deps, SHARE, code, VERIFIER)
    assert refused(stage, SHARE, code, VERIFIER)


def test_of_two_programs_with_the_same_code_one_gets_a_token(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    code = programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    first = FaultyDatabase(
        stage.deps.database, before=[lambda: programs.redeem_code(stage.deps, SHARE, code, VERIFIER)]
    )
    with pytest.raises(TokenRefused):
        programs.redeem_code(replace(stage.deps, database=first), SHARE, code, VERIFIER)


def test_a_program_with_another_verifier_gets_nothing_and_uses_the_code_up(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    code = programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    assert refused(stage, SHARE, code, "another" * 7)
    assert refused(stage, SHARE, code, VERIFIER)


def test_refused_codes_are_limited_together_and_a_good_one_never(stage: Stage) -> None:
    deps = replace(stage.deps, config=replace(stage.deps.config, api_requests_per_minute=3))
    _, session = log_in(stage, OLA)
    code = programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    for share_id in (SHARE, "B" * 22, "C" * 22):
        with pytest.raises(TokenRefused):
            programs.redeem_code(deps, share_id, f"invented for {share_id}", VERIFIER)
    with pytest.raises(RateLimited, match=r"^rate_limited"):
        programs.redeem_code(deps, SHARE, "another", VERIFIER)
    assert programs.redeem_code(deps, SHARE, code, VERIFIER).token
    stage.clock.advance(seconds=20)
    with pytest.raises(TokenRefused):
        programs.redeem_code(deps, SHARE, "another", VERIFIER)


def test_a_code_for_another_share_and_an_invented_one_are_refused(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    code = programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    assert refused(stage, "B" * 22, code, VERIFIER)
    for invented in ("", "x", code + "x"):
        assert refused(stage, SHARE, invented, VERIFIER)


def test_a_code_is_good_for_a_minute(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    in_time, late = (programs.issue_code(stage.deps, session, SHARE, CHALLENGE) for _ in range(2))
    stage.clock.advance(seconds=60)
    assert programs.redeem_code(stage.deps, SHARE, in_time, VERIFIER).token
    stage.clock.advance(seconds=1)
    assert refused(stage, SHARE, late, VERIFIER)


def test_a_code_of_a_session_that_has_ended_is_refused(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    for _ in range(8 * 3):
        stage.clock.advance(minutes=20)
        sessions.living_session(stage.deps, session.token_hash, sessions.MAX_AGE)
    code = programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    stage.clock.advance(seconds=30)
    assert refused(stage, SHARE, code, VERIFIER)


def test_a_token_is_refused_at_another_share_and_is_neither_code_nor_cookie(stage: Stage) -> None:
    secret, session = log_in(stage, OLA)
    token = token_of(stage, session)
    assert not opens(stage, token, "B" * 22)
    assert not programs.program_continues(stage.deps, token, "B" * 22)
    assert refused(stage, SHARE, token, VERIFIER)
    assert sessions.find_session(stage.deps, token) is None
    assert not opens(stage, secret)
    assert not opens(stage, programs.issue_code(stage.deps, session, SHARE, CHALLENGE))
    assert opens(stage, token)


def _logout(stage: Stage, secret: str, session: Session) -> None:
    sessions.end_session(stage.deps, secret, session)


def _logout_elsewhere(stage: Stage, _secret: str, session: Session) -> None:
    _, other = log_in(stage, OLA)
    own_sessions.end_own_session(stage.deps, other, session.token_hash.hex())


def _logout_at_the_provider(stage: Stage, _secret: str, _session: Session) -> None:
    sessions.end_by_back_channel(stage.deps, "ended:sid-1")


def _idleness(stage: Stage, _secret: str, _session: Session) -> None:
    stage.clock.advance(minutes=30, seconds=1)


def _list_of_logins(stage: Stage, _secret: str, session: Session) -> None:
    [one] = own_sessions.list_own_sessions(stage.deps, session)
    [program] = one.programs
    assert (program.share_id, program.began_at) == (SHARE, stage.clock.now())
    own_sessions.end_own_program(stage.deps, session, program.id)
    assert own_sessions.list_own_sessions(stage.deps, session)[0].programs == ()


@pytest.mark.parametrize("end", [_logout, _logout_elsewhere, _logout_at_the_provider, _idleness, _list_of_logins])
def test_a_token_and_its_running_download_end_with(stage: Stage, end: Callable[[Stage, str, Session], None]) -> None:
    secret, session = log_in(stage, OLA)
    token = token_of(stage, session)
    end(stage, secret, session)
    assert not opens(stage, token)
    assert not programs.program_continues(stage.deps, token, SHARE)


def test_eight_hours_after_the_login_a_program_asks_for_nothing_new_but_a_running_download_goes_on(
    stage: Stage,
) -> None:
    _, session = log_in(stage, OLA)
    token = token_of(stage, session)
    for _ in range(8 * 3):
        stage.clock.advance(minutes=20)
        assert opens(stage, token)
    stage.clock.advance(seconds=1)
    assert not opens(stage, token)
    assert programs.program_continues(stage.deps, token, SHARE)


def test_a_person_ends_only_programs_of_their_own_and_codes_are_not_listed(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    token = token_of(stage, session)
    programs.issue_code(stage.deps, session, SHARE, CHALLENGE)
    [one] = own_sessions.list_own_sessions(stage.deps, session)
    [program] = one.programs
    _, stranger = log_in(stage, SIV)
    for program_id in (program.id, "", "invented"):
        own_sessions.end_own_program(stage.deps, stranger, program_id)
    assert opens(stage, token)


def test_a_row_that_a_writer_of_the_database_makes_or_moves_opens_nothing(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    _, stranger = log_in(stage, SIV)
    own, theirs = token_of(stage, stranger), token_of(stage, session, "B" * 22)
    with stage.deps.database.read() as tx:
        rows = {one.session_hash: one for one in tx.programs.of_sessions([session.token_hash, stranger.token_hash])}
    mine, other = rows[stranger.token_hash], rows[session.token_hash]
    for sealed in (other.sealed_grant, b"", b"invented"):
        with stage.deps.database.write() as tx:
            tx.programs.take(mine.secret_hash)
            tx.programs.add(ProgramRecord(mine.secret_hash, session.token_hash, sealed))
        assert not opens(stage, own, "B" * 22)
        assert not opens(stage, own)
    with stage.deps.database.write() as tx:
        tx.programs.take(mine.secret_hash)
        tx.programs.add(replace(mine, session_hash=session.token_hash))
    assert programs.find_program(stage.deps, own, SHARE).person.value == SIV
    assert opens(stage, theirs, "B" * 22)


def test_neither_code_nor_token_nor_share_is_stored_in_the_clear(stage: Stage) -> None:
    _, session = log_in(stage, OLA)
    share_id = "Q" * 22
    code = programs.issue_code(stage.deps, session, share_id, CHALLENGE)
    token = token_of(stage, session, share_id)
    stored = everything(stage)
    for secret in (code, token, share_id, CHALLENGE):
        assert secret.encode() not in stored
