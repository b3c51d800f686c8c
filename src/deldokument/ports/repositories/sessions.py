"""Repository contract: sessions and pending logins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A login session. ``token_hash`` is the SHA-256 of the cookie's value; the rest is hashed, encrypted or random.

    - ``owner_hash``: finds a person's sessions.
    - ``sealed_form``: a form that waits for a fresh login; None if there is none.
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


class Sessions(Protocol):
    """Pending logins and sessions."""

    def add_pending(self, login: PendingLoginRecord) -> None: ...
    def take_pending(self, state: str) -> PendingLoginRecord | None:
        """Remove and return it: a state can be used once."""
        ...

    def count_pending(self, since: datetime, at_most: int) -> int: ...
    def add(self, session: SessionRecord) -> None: ...
    def get(self, token_hash: bytes) -> SessionRecord | None: ...
    def of_owner(self, owner_hash: bytes) -> list[SessionRecord]:
        """Return the person's sessions, the last used first; at most 100."""
        ...

    def touch(self, token_hash: bytes, now: datetime) -> None: ...
    def keep_form(self, token_hash: bytes, sealed_form: bytes | None) -> None:
        """Replace the form that waits; a removed session stays removed."""
        ...

    def follow(self, token_hash: bytes, sealed_identity: bytes, provider_session_id: str | None) -> None:
        """Bind the session to a new login at the provider; a removed session stays removed."""
        ...

    def remove(self, token_hash: bytes) -> None: ...
    def remove_others(self, owner_hash: bytes, token_hash: bytes) -> list[SessionRecord]:
        """Remove and return the person's sessions but this one."""
        ...

    def remove_by_provider_session(self, provider_session_id: str) -> list[SessionRecord]:
        """Remove and return the sessions that belong to that session at the provider."""
        ...

    def remove_idle(self, seen_before: datetime) -> int:
        """Remove sessions not used since then and logins begun before then, and return how many."""
        ...
