"""State of the ID-porten simulator: pushed requests, open login pages, sessions and codes.

Guarantees:
- A single-use value is returned once.
- Values expire: pushed requests after 120 s, codes after 60 s.
- A session ends after 30 minutes idle or 120 minutes in all.

The state is in memory only, and lost at a restart.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from deldokument.simulators.idporten_requests import LEVELS, AuthorizationRequest

PUSHED_SECONDS: Final = 120
LOGIN_PAGE_SECONDS: Final = 1800
CODE_SECONDS: Final = 60
ACCESS_TOKEN_SECONDS: Final = 120
SESSION_IDLE_SECONDS: Final = 30 * 60
SESSION_MAX_SECONDS: Final = 120 * 60

T = TypeVar("T")


class Shelf(Generic[T]):
    """Values under unguessable names, each for ``lifetime_seconds`` seconds from when it was stored."""

    def __init__(self, lifetime_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        self._values: dict[str, tuple[float, T]] = {}

    def put(self, value: T) -> str:
        now = self._clock()
        self._values = {name: entry for name, entry in self._values.items() if entry[0] > now}
        name = secrets.token_urlsafe(32)
        self._values[name] = (now + self._lifetime_seconds, value)
        return name

    def get(self, name: str) -> T | None:
        ends, value = self._values.get(name, (0.0, None))
        return value if ends > self._clock() else None

    def take(self, name: str) -> T | None:
        """Return the value and remove it."""
        value = self.get(name)
        self._values.pop(name, None)
        return value

    def drop(self, name: str) -> None:
        self._values.pop(name, None)


@dataclass(frozen=True, slots=True)
class Login:
    """A login of a person: level and wall-clock second. ``identifier`` is None if the token has no pid."""

    subject: str
    identifier: str | None
    acr: str
    auth_time: int
    sid: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def satisfies(self, request: AuthorizationRequest) -> bool:
        """Whether single sign-on is enough for the request, without a login page."""
        return not request.fresh and LEVELS.index(self.acr) >= LEVELS.index(request.acr)


@dataclass(frozen=True, slots=True)
class Grant:
    """The request and login that a code represents."""

    request: AuthorizationRequest
    login: Login


@dataclass(frozen=True, slots=True)
class _Session:
    login: Login
    started: float
    used: float


class Sessions:
    """Single sign-on sessions, by cookie value."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._visits: dict[str, frozenset[str]] = {}

    def start(self, login: Login) -> str:
        now = self._clock()
        cookie = secrets.token_urlsafe(32)
        self._sessions[cookie] = _Session(login, now, now)
        return cookie

    def use(self, cookie: str) -> Login | None:
        """Return the login of a cookie's session. This counts as activity."""
        session = self._sessions.get(cookie)
        now = self._clock()
        if session is None or now - session.used > SESSION_IDLE_SECONDS or now - session.started > SESSION_MAX_SECONDS:
            self._sessions.pop(cookie, None)
            return None
        self._sessions[cookie] = replace(session, used=now)
        return session.login

    def visit(self, sid: str, client_id: str) -> None:
        """Record that a client received the login."""
        self._visits[sid] = self._visits.get(sid, frozenset()) | {client_id}

    def end(self, *, cookie: str = "", sid: str = "") -> dict[str, frozenset[str]]:
        """End the matching sessions; return each ``sid`` with the clients that received the login."""
        ended = {
            name: session.login.sid
            for name, session in self._sessions.items()
            if name == cookie or session.login.sid == sid
        }
        self._sessions = {name: session for name, session in self._sessions.items() if name not in ended}
        return {sid: self._visits.pop(sid, frozenset()) for sid in ended.values()}
