"""Login with ID-porten, sessions, logout.

Guarantees:
- The cookie's value is stored only as a hash; every login creates a new one.
- A session ends after 30 minutes without a request, after 8 hours at most, or when the provider reports that the login
  there has ended. The limit of 8 hours does not cut off a running download; every other end does.
- Logins have hourly limits: for each browser that begins them, and for each person who completes them.
- A login response is accepted once, and only in the browser that began the login.
- A writer of the database cannot create a session: person and time of the login are encrypted for the cookie's hash.
- Nor can such a writer move a login to another browser: a pending login is encrypted for its state.

The provider's adapter has checked level, person and tokens.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import InvalidInput, LoginFailed, NotReady, ServiceError
from deldokument.domain.identifiers import PersonIdentifier, parse_organization, parse_person
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.login import Identity, LoginRequest, LogoutForm
from deldokument.services.audit.recording import record_event
from deldokument.services.auth.kept_forms import open_form, seal_form
from deldokument.services.encryption import (
    EncryptedColumn,
    csrf_owner_tag,
    open_json,
    seal_json,
    session_owner_hash,
)
from deldokument.services.people import directory_key
from deldokument.services.rate_limit import RateLimit, check_rate
from deldokument.store.auth.sessions import PendingLoginRecord, SessionRecord
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.transaction import Transaction

IDLE = timedelta(minutes=30)
MAX_AGE = timedelta(hours=8)
FRESH = timedelta(minutes=15)
"""How long after a login a person may do what needs a fresh one."""
PENDING = timedelta(minutes=15)
_TOUCH_EVERY = timedelta(seconds=30)
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
"""The format of the secrets that are made here, from 32 bytes."""


@dataclass(frozen=True, slots=True)
class Session:
    """A login session of a browser, identified by ``token_hash``.

    - ``csrf_token`` differs in each session; the part after its last dot is the same in all sessions of one person.
    - ``began_at``: when this browser logged in.
    - ``device`` names browser and operating system.
    - ``authenticated_at``: when the person last used the electronic ID, by our clock.
    - ``keeps_form``: whether a form waits for a fresh login.
    """

    person: PersonIdentifier
    csrf_token: str
    id_token: str
    token_hash: bytes
    began_at: datetime
    seen_at: datetime
    device: str
    authenticated_at: datetime
    keeps_form: bool

    def is_fresh(self, now: datetime) -> bool:
        """Return whether the person used the electronic ID recently."""
        return now - self.authenticated_at <= FRESH


@dataclass(frozen=True, slots=True)
class _PendingLogin:
    """A login until the browser returns. ``browser_hash`` binds it to one browser; the other fields complete it."""

    browser_hash: str
    nonce: str
    code_verifier: str
    return_to: str
    on_behalf_of: str


@dataclass(frozen=True, slots=True)
class LoginStarted:
    """The URL to send the browser to, and the secret that binds the browser to the login."""

    url: str
    browser_secret: str


@dataclass(frozen=True, slots=True)
class LoginDone:
    """The result of a login: the new session's cookie value, and the page that was requested."""

    session_secret: str
    return_to: str


def begin_login(
    deps: Dependencies,
    *,
    return_to: str,
    locale: str,
    organization_number: str = "",
    browser_secret: str = "",
    fresh: bool = False,
) -> LoginStarted:
    """Begin a login at the provider; ``return_to`` is a local path.

    ``fresh``: the provider asks for the electronic ID even if the person is logged in there.

    ``browser_secret`` is the browser's secret from an earlier login, perhaps in another tab. It is reused, because a
    new one would invalidate that login.

    ``organization_number`` names the tenant that the login is for. It is ignored if the tenant is not in use, or has no
    name of its own at the provider.

    Raises: Unavailable; RateLimited for a browser with too many logins; NotReady at the limit of pending logins.
    """
    now = deps.clock.now()
    is_known = _SECRET.fullmatch(browser_secret) is not None
    if is_known:
        check_rate(deps, RateLimit("login_limit", deps.config.logins_per_hour), f"browser {browser_secret}")
    _check_pending(deps, now)
    request = deps.login.begin(locale, fresh=fresh, on_behalf_of=_name_at_provider(deps, organization_number))
    secret = browser_secret if is_known else secrets.token_urlsafe(32)
    pending = _PendingLogin(
        browser_hash=session_hash(secret).hex(),
        nonce=request.nonce,
        code_verifier=request.code_verifier,
        return_to=return_to,
        on_behalf_of=request.on_behalf_of,
    )
    sealed = seal_json(directory_key(deps), asdict(pending), EncryptedColumn.PENDING_LOGIN, request.state)
    with deps.database.write() as tx:
        tx.sessions.add_pending(PendingLoginRecord(request.state, sealed, now))
    return LoginStarted(request.url, secret)


def complete_login(
    deps: Dependencies,
    params: Mapping[str, str],
    *,
    browser_secret: str,
    previous_secret: str | None,
    device: str = "",
) -> LoginDone:
    """Accept the provider's response; the browser's earlier session, if any, ends.

    A form that it kept moves to the new session, if the person is the same. ``device`` is shown in the person's list.

    Raises: LoginFailed, RateLimited or Unavailable, with the parameter ``return_to`` if the login was begun in this
    browser.
    """
    state = params.get("state", "")
    pending = _take_pending(deps, state, browser_secret)
    asked = LoginRequest("", state, pending.nonce, pending.code_verifier, pending.on_behalf_of)
    try:
        identity = deps.login.complete(params, asked)
        person = _person(deps, identity.person_identifier)
        check_rate(deps, RateLimit("login_limit", deps.config.logins_per_hour), person.value)
    except ServiceError as error:
        # A new attempt must return to the page that the person requested.
        error.params["return_to"] = pending.return_to
        raise
    secret, key, now = secrets.token_urlsafe(32), directory_key(deps), deps.clock.now()
    session = SessionRecord(
        token_hash=session_hash(secret),
        csrf_token=f"{secrets.token_urlsafe(32)}.{csrf_owner_tag(key, person)}",
        sealed_identity=_seal_login(key, person, identity, session_hash(secret), device, now, began_at=now),
        provider_session_id=identity.session_id,
        seen_at=now,
        owner_hash=session_owner_hash(key, person),
    )
    with deps.database.write() as tx:
        if previous_secret:
            session = replace(session, sealed_form=_handed_on(deps, tx, key, previous_secret, person, session))
            tx.sessions.remove(session_hash(previous_secret))
        tx.sessions.add(session)
        record_event(deps, tx, EventKind.LOGGED_IN, person=person, level=identity.acr)
    return LoginDone(secret, pending.return_to)


def _handed_on(
    deps: Dependencies, tx: Transaction, key: bytes, secret: str, person: PersonIdentifier, session: SessionRecord
) -> bytes | None:
    """Return the kept form of the browser's earlier session, encrypted for this one; None for another person."""
    previous = tx.sessions.get(session_hash(secret))
    if previous is None or not previous.sealed_form:
        return None
    earlier = opened_session(deps, previous)
    if earlier is None or earlier.person != person:
        return None
    return seal_form(key, open_form(key, previous.sealed_form, previous.token_hash), session.token_hash)


def follow_login(deps: Dependencies, session: Session, identity: Identity) -> None:
    """Bind the session to the person's new login at the provider, so that it ends with that login."""
    key, now = directory_key(deps), deps.clock.now()
    sealed = _seal_login(
        key, session.person, identity, session.token_hash, session.device, now, began_at=session.began_at
    )
    with deps.database.write() as tx:
        tx.sessions.follow(session.token_hash, sealed, identity.session_id)


def find_session(deps: Dependencies, secret: str | None) -> Session | None:
    """Return the living session of a cookie's value. This counts as activity."""
    return living_session(deps, session_hash(secret), MAX_AGE) if secret else None


def continues(deps: Dependencies, secret: str | None) -> bool:
    """Return whether a running download's session has neither ended nor been idle too long. This counts as activity.

    The maximum age does not apply: it requires a new login only for new requests.
    """
    return bool(secret and living_session(deps, session_hash(secret), timedelta.max))


def living_session(deps: Dependencies, token_hash: bytes, max_age: timedelta) -> Session | None:
    """Return the session with the hash of a cookie's value, if it has not ended. This counts as activity."""
    now = deps.clock.now()
    with deps.database.read() as tx:
        session = session_in(deps, tx, token_hash, now, max_age)
    note_activity(deps, session, now)
    return session


def session_in(
    deps: Dependencies, tx: Transaction, token_hash: bytes, now: datetime, max_age: timedelta
) -> Session | None:
    """Return the session as ``living_session``. Call ``note_activity`` after the transaction."""
    found = tx.sessions.get(token_hash)
    if found is None or now - found.seen_at > IDLE:
        return None
    session = opened_session(deps, found)
    return None if session is None or now - session.began_at > max_age else session


def note_activity(deps: Dependencies, session: Session | None, now: datetime) -> None:
    """Record that the session, if there is one, is in use; at most twice a minute."""
    if session is not None and now - session.seen_at > _TOUCH_EVERY:
        with deps.database.write() as tx:
            tx.sessions.touch(session.token_hash, now)


def end_session(deps: Dependencies, secret: str, session: Session) -> LogoutForm:
    """End the session here; return the form that ends it at the provider.

    Raises: Unavailable, after the session here has ended.
    """
    with deps.database.write() as tx:
        tx.sessions.remove(session_hash(secret))
        record_event(deps, tx, EventKind.LOGGED_OUT, person=session.person, how="here")
    return deps.login.logout(session.id_token, secrets.token_urlsafe(16))


def end_by_front_channel(deps: Dependencies, *, issuer: str, provider_session_id: str) -> tuple[str, ...]:
    """End the sessions of a provider session, if there are any.

    Returns the origins that may frame the response.

    Raises: LoginFailed for another issuer or an empty session id; Unavailable, after the sessions here have ended.
    """
    if issuer != deps.login.issuer or not provider_session_id:
        raise LoginFailed("login_refused", detail="front channel: another issuer or no session")
    _end_all(deps, provider_session_id, "front_channel")
    return deps.login.framing_origins()


def end_by_back_channel(deps: Dependencies, logout_token: str) -> None:
    """End the sessions of the provider session in the logout token. Raises: LoginFailed or Unavailable."""
    with deps.login.ended_session(logout_token) as provider_session_id:
        _end_all(deps, provider_session_id, "back_channel")


def _end_all(deps: Dependencies, provider_session_id: str, how: str) -> None:
    with deps.database.write() as tx:
        for ended in tx.sessions.remove_by_provider_session(provider_session_id):
            session = opened_session(deps, ended)
            if session is not None:
                record_event(deps, tx, EventKind.LOGGED_OUT, person=session.person, how=how)


def _seal_login(
    key: bytes,
    person: PersonIdentifier,
    identity: Identity,
    token_hash: bytes,
    device: str,
    now: datetime,
    *,
    began_at: datetime,
) -> bytes:
    """Return the encrypted login data of a session.

    The age of the authentication is measured by the provider's clock alone, because ours may differ from it.
    """
    authenticated_at = now - max(identity.issued_at - identity.auth_time, timedelta())
    body = {
        "person": person.value,
        "id_token": identity.id_token,
        "device": device,
        "authenticated_at": authenticated_at.isoformat(),
        "began_at": began_at.isoformat(),
    }
    return seal_json(key, body, EncryptedColumn.SESSION, token_hash.hex())


def opened_session(deps: Dependencies, found: SessionRecord) -> Session | None:
    """Return the session of a row; None, with an alarm, if its login data were not encrypted for its secret."""
    key, context = directory_key(deps), found.token_hash.hex()
    try:
        body = open_json(key, found.sealed_identity, EncryptedColumn.SESSION, context)
    except IntegrityError:
        body = {}
    if not body:
        deps.damage.report(DamagedRow("session", context))
        return None
    return Session(
        person=parse_person(body["person"], allow_synthetic=True),
        csrf_token=found.csrf_token,
        id_token=body["id_token"],
        token_hash=found.token_hash,
        began_at=datetime.fromisoformat(body["began_at"]),
        seen_at=found.seen_at,
        device=body["device"],
        authenticated_at=datetime.fromisoformat(body["authenticated_at"]),
        keeps_form=bool(found.sealed_form),
    )


def _name_at_provider(deps: Dependencies, organization_number: str) -> str:
    try:
        number = parse_organization(organization_number)
    except InvalidInput:
        return ""
    with deps.database.read() as tx:
        tenant = tx.tenants.by_number(number.value)
    return tenant.on_behalf_of if tenant and tenant.intact and tenant.is_in_use else ""


def _check_pending(deps: Dependencies, now: datetime) -> None:
    """Raise NotReady at the limit. Concurrent logins may exceed it by a few."""
    most = deps.config.max_pending_logins
    with deps.database.read() as tx:
        pending = tx.sessions.count_pending(now - PENDING, most)
    if pending >= most:
        raise NotReady("login_busy", detail=f"{most} logins are under way")


def _take_pending(deps: Dependencies, state: str, browser_secret: str) -> _PendingLogin:
    with deps.database.write() as tx:
        found = tx.sessions.take_pending(state)
    if found is None:
        raise LoginFailed("login_refused", detail="unknown state")
    try:
        opened = open_json(directory_key(deps), found.sealed_login, EncryptedColumn.PENDING_LOGIN, state)
    except IntegrityError:
        deps.damage.report(DamagedRow("pending_login", session_hash(state).hex()))
        raise LoginFailed("login_refused", detail="damaged row") from None
    pending = _PendingLogin(**opened)
    if not secrets.compare_digest(pending.browser_hash, session_hash(browser_secret).hex()):
        raise LoginFailed("login_refused", detail="another browser began this login")
    if deps.clock.now() - found.created_at > PENDING:
        raise LoginFailed("login_refused", detail="old state", return_to=pending.return_to)
    return pending


def _person(deps: Dependencies, number: str) -> PersonIdentifier:
    try:
        return parse_person(number, allow_synthetic=deps.config.allow_synthetic)
    except InvalidInput as error:
        raise LoginFailed("login_refused", detail=f"pid: {error.code}") from None


def session_hash(secret: str) -> bytes:
    """Return the hash of a cookie's value, under which a session is stored."""
    return hashlib.sha256(secret.encode()).digest()
