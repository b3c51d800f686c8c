"""Programs are kept as the contract says, and never longer than their session."""

import pytest

from deldokument.domain.errors import Conflict
from deldokument.store.auth.programs import ProgramRecord
from deldokument.store.auth.sessions import SessionRecord
from deldokument.store.database import Database
from tests.contract.records import HOUR, NOW

SESSIONS = [
    SessionRecord(token, "csrf", b"sealed", f"at-{token!r}", NOW, b"owner") for token in (b"one", b"two", b"idle")
]
PROGRAM = ProgramRecord(b"code", b"one", b"sealed")


@pytest.fixture(autouse=True)
def _sessions(database: Database) -> None:
    with database.write() as tx:
        for session in SESSIONS:
            tx.sessions.add(session)


def test_a_program_is_found_by_its_secret_and_taken_once(database: Database) -> None:
    with database.write() as tx:
        tx.programs.add(PROGRAM)
    with database.read() as tx:
        assert tx.programs.get(b"code") == PROGRAM
        assert tx.programs.get(b"other") is None
    with database.write() as tx:
        assert tx.programs.take(b"code") == PROGRAM
        assert tx.programs.take(b"code") is None


def test_the_programs_of_some_sessions_are_found(database: Database) -> None:
    others = [ProgramRecord(b"2", b"two", b"sealed"), ProgramRecord(b"3", b"idle", b"sealed")]
    with database.write() as tx:
        for program in (PROGRAM, *others):
            tx.programs.add(program)
    with database.read() as tx:
        assert {one.secret_hash for one in tx.programs.of_sessions([b"one", b"two"])} == {b"code", b"2"}
        assert tx.programs.of_sessions([]) == []


def test_every_removal_of_a_session_removes_its_programs(database: Database) -> None:
    with database.write() as tx:
        for number in range(3):
            tx.programs.add(ProgramRecord(bytes([number]), SESSIONS[number].token_hash, b"sealed"))
    with database.write() as tx:
        tx.sessions.remove(b"one")
        tx.sessions.remove_by_provider_session(SESSIONS[1].provider_session_id or "")
        assert [tx.programs.get(bytes([number])) is None for number in range(3)] == [True, True, False]
        tx.sessions.remove_idle(NOW + HOUR)
        assert tx.programs.get(b"\2") is None


def test_a_program_of_a_session_that_has_just_ended_is_refused(database: Database) -> None:
    with pytest.raises(Conflict), database.write() as tx:
        tx.programs.add(ProgramRecord(b"code", b"ended", b"sealed"))
