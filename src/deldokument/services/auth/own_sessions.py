"""A person's own sessions with their programs: a list of them, and the end of one or of all others.

Guarantees:
- A person sees and ends only sessions of their own.
- Neither address nor user agent of a browser is stored: only its kind and operating system, encrypted.
- A session or program that is ended here loses access within seconds, also in a running download.

The login at ID-porten in the other browser is not ended: only that browser can end it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from deldokument.domain.audit import EventKind
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.auth.programs import granted_programs
from deldokument.services.auth.sessions import IDLE, MAX_AGE, Session, opened_session
from deldokument.services.encryption import session_owner_hash
from deldokument.services.people import directory_key
from deldokument.store.auth.sessions import SessionRecord
from deldokument.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class OwnProgram:
    """A program that has access to a share within a session. ``id`` is the hash of its token."""

    id: str
    share_id: str
    began_at: datetime


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A session as its person sees it. ``id`` is its hash, which gives no access."""

    id: str
    began_at: datetime
    seen_at: datetime
    device: str
    is_current: bool
    programs: tuple[OwnProgram, ...] = ()


def list_own_sessions(deps: Dependencies, session: Session) -> list[OwnSession]:
    """Return the person's living sessions: this one, then the others, the last used first."""
    now = deps.clock.now()
    with deps.database.read() as tx:
        found = tx.sessions.of_owner(_owner(deps, session))
        programs = _programs(deps, tx, found)
    living = [one for one in found if now - one.seen_at <= IDLE]
    views = [view for one in living if (view := _view(deps, one, session)) and now - view.began_at <= MAX_AGE]
    with_programs = (replace(one, programs=tuple(programs.get(one.id, ()))) for one in views)
    return sorted(with_programs, key=lambda one: not one.is_current)


def end_own_session(deps: Dependencies, session: Session, session_id: str) -> None:
    """End another session of the person. Does nothing if it has ended, or belongs to another person."""
    with deps.database.write() as tx:
        for one in tx.sessions.of_owner(_owner(deps, session)):
            if one.token_hash.hex() == session_id and one.token_hash != session.token_hash:
                tx.sessions.remove(one.token_hash)
                record_event(deps, tx, EventKind.LOGGED_OUT, person=session.person, how="elsewhere")


def end_own_program(deps: Dependencies, session: Session, program_id: str) -> None:
    """End the access of a program of the person. Does nothing if it has ended, or belongs to another person."""
    with deps.database.write() as tx:
        programs = _programs(deps, tx, tx.sessions.of_owner(_owner(deps, session)))
        if program_id in {one.id for own in programs.values() for one in own}:
            tx.programs.take(bytes.fromhex(program_id))


def end_other_sessions(deps: Dependencies, session: Session) -> None:
    """End all sessions of the person but this one."""
    with deps.database.write() as tx:
        for _ in tx.sessions.remove_others(_owner(deps, session), session.token_hash):
            record_event(deps, tx, EventKind.LOGGED_OUT, person=session.person, how="elsewhere")


def _owner(deps: Dependencies, session: Session) -> bytes:
    return session_owner_hash(directory_key(deps), session.person)


def _programs(deps: Dependencies, tx: Transaction, sessions: list[SessionRecord]) -> dict[str, list[OwnProgram]]:
    """Return the programs of the sessions, by the session's id."""
    found: dict[str, list[OwnProgram]] = {}
    for secret_hash, grant in granted_programs(deps, tx, [one.token_hash for one in sessions]).items():
        own = OwnProgram(secret_hash.hex(), grant.share_id, grant.at)
        found.setdefault(grant.session_hash.hex(), []).append(own)
    return found


def _view(deps: Dependencies, found: SessionRecord, current: Session) -> OwnSession | None:
    opened = opened_session(deps, found)
    if opened is None:
        return None
    is_current = found.token_hash == current.token_hash
    return OwnSession(found.token_hash.hex(), opened.began_at, found.seen_at, opened.device, is_current)
