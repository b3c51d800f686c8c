"""Sessions and pending logins, in tables."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from deldokument.store.engine.column_types import StoredBytes, StoredText, UtcMicros
from deldokument.store.engine.schema import Id, metadata, sealed
from deldokument.store.engine.statements import Repository, RowMapper, param


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A login session. ``token_hash`` is the SHA-256 of the cookie's value.

    - ``owner_hash``: finds a person's sessions.
    - ``sealed_form``: a form that is kept until a fresh login; None if there is none.
    """

    token_hash: bytes
    csrf_token: str
    sealed_identity: bytes
    provider_session_id: str | None
    seen_at: datetime
    owner_hash: bytes
    sealed_form: bytes | None = None


@dataclass(frozen=True, slots=True)
class PendingLoginRecord:
    """A pending login."""

    state: str
    sealed_login: bytes
    created_at: datetime


session = Table(
    "session",
    metadata,
    Column("token_hash", StoredBytes, primary_key=True),
    Column("csrf_token", StoredText, nullable=False),
    sealed("sealed_identity"),
    Column("provider_session_id", StoredText, index=True),
    Column("seen_at", UtcMicros, nullable=False, index=True),
    Column("owner_hash", StoredBytes, nullable=False, index=True),
    Column("sealed_form", StoredBytes),
)

pending_login = Table(
    "pending_login",
    metadata,
    Column("state", Id, primary_key=True),
    sealed("sealed_login"),
    Column("created_at", UtcMicros, nullable=False, index=True),
)

_MAX_LISTED = 100
_SESSION = RowMapper(SessionRecord, session)
_PENDING = RowMapper(PendingLoginRecord, pending_login)

_add_pending = insert(pending_login)
_take = delete(pending_login).where(pending_login.c.state == param("key")).returning(*_PENDING.columns)
# The limit bounds the work; the order makes PostgreSQL read the index instead of the table.
_began_at = pending_login.c.created_at
_begun = select(_began_at).where(_began_at >= param("since")).order_by(_began_at.desc()).limit(bindparam("most"))
_count_begun = select(func.count()).select_from(_begun.subquery())
_is_token = session.c.token_hash == param("token")
_by_token = select(*_SESSION.columns).where(_is_token)
_add = insert(session)
_is_of_owner = session.c.owner_hash == param("owner")
_of_owner = select(*_SESSION.columns).where(_is_of_owner).order_by(session.c.seen_at.desc()).limit(_MAX_LISTED)
_touch = update(session).where(_is_token, session.c.seen_at < param("now")).values(seen_at=param("now"))
_change = update(session).where(_is_token)
_remove = delete(session).where(_is_token)
_remove_others = delete(session).where(_is_of_owner, session.c.token_hash != param("token"))
_is_of_provider = session.c.provider_session_id == param("provider")
_remove_of_provider = delete(session).where(_is_of_provider).returning(*_SESSION.columns)
_remove_idle = delete(session).where(session.c.seen_at < param("before"))
_remove_old_pending = delete(pending_login).where(pending_login.c.created_at < param("before"))


class Sessions(Repository):
    """Repository of sessions and pending logins."""

    def add_pending(self, login: PendingLoginRecord) -> None:
        """Insert a pending login.

        Raises: Conflict if the state is taken.
        """
        self._work.run(_add_pending, _PENDING.values(login))

    def take_pending(self, state: str) -> PendingLoginRecord | None:
        """Remove the pending login and return it: a state can be used once."""
        return _PENDING.one(self._work.first(_take, {"key": state}))

    def count_pending(self, since: datetime, at_most: int) -> int:
        """Count the pending logins that began at ``since`` or later, up to ``at_most``."""
        counted = self._work.first(_count_begun, {"since": since, "most": at_most})
        return int(counted[0]) if counted else 0

    def add(self, session: SessionRecord) -> None:
        """Insert a session.

        Raises: Conflict if the token is taken.
        """
        self._work.run(_add, _SESSION.values(session))

    def get(self, token_hash: bytes) -> SessionRecord | None:
        """Return the session with the hash of the cookie's value."""
        return _SESSION.one(self._work.first(_by_token, {"token": token_hash}))

    def of_owner(self, owner_hash: bytes) -> list[SessionRecord]:
        """Return the person's sessions, the last used first; at most 100."""
        return _SESSION.all(self._work.rows(_of_owner, {"owner": owner_hash}))

    def touch(self, token_hash: bytes, now: datetime) -> None:
        """Record that the session was seen at ``now``, never an earlier time. A removed session stays removed."""
        self._work.run(_touch, {"token": token_hash, "now": now})

    def keep_form(self, token_hash: bytes, sealed_form: bytes | None) -> None:
        """Replace the kept form; a removed session stays removed."""
        self._work.run(_change, {"token": token_hash, "sealed_form": sealed_form})

    def follow(self, token_hash: bytes, sealed_identity: bytes, provider_session_id: str | None) -> None:
        """Bind the session to a new login at the provider; a removed session stays removed."""
        login = {"sealed_identity": sealed_identity, "provider_session_id": provider_session_id}
        self._work.run(_change, login | {"token": token_hash})

    def remove(self, token_hash: bytes) -> None:
        """Delete the session."""
        self._work.run(_remove, {"token": token_hash})

    def remove_others(self, owner_hash: bytes, token_hash: bytes) -> list[SessionRecord]:
        """Remove the person's other sessions and return them."""
        removing = _remove_others.returning(*_SESSION.columns)
        return _SESSION.all(self._work.rows(removing, {"owner": owner_hash, "token": token_hash}))

    def remove_by_provider_session(self, provider_session_id: str) -> list[SessionRecord]:
        """Remove and return the sessions that belong to that session at the provider."""
        return _SESSION.all(self._work.rows(_remove_of_provider, {"provider": provider_session_id}))

    def remove_idle(self, seen_before: datetime) -> int:
        """Remove sessions not used since an instant, and logins begun before it; return their number."""
        values = {"before": seen_before}
        return self._work.count(_remove_idle, values) + self._work.count(_remove_old_pending, values)
