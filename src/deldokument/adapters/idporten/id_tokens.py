"""Validation of ID-porten's id tokens and logout tokens.

Guarantees:
- Claims are returned only of a token signed with RS256 by the issuer's present keys for this client alone, and that is
  valid now.
- An Identity has at least the required level, and belongs to the customer on whose behalf the login was requested.
- A logout token is accepted once.
- Any other token raises LoginFailed, whose text contains no person's number.

Sources: Digdir's ID-porten documentation; OpenID Connect Core 3.1.3.7 and Back-Channel Logout 1.0.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from deldokument.adapters.http.client import ExpiringCache
from deldokument.adapters.idporten.metadata import Provider
from deldokument.domain.errors import LoginFailed
from deldokument.ports.login import Identity, LoginRequest

CLOCK_SKEW_SECONDS: Final = 10
LEVELS: Final = ("idporten-loa-low", "idporten-loa-substantial", "idporten-loa-high")
_LOGOUT_SECONDS: Final = 5 * 60
_LOGOUTS: Final = 10_000
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_PID: Final = re.compile(r"[0-9]{11}")
_EVIDENCE: Final = ("iss", "aud", "sub", "acr", "auth_time", "iat", "jti", "nonce")
_CUSTOMER: Final = ("client_onbehalfof", "aud_onbehalfof")
"""Digdir's documentation uses one name for the claim in the text and the other in the example."""


class LevelTooLow(LoginFailed):
    """The login was at a lower level than required, or at an unknown one."""

    def __init__(self, acr: str) -> None:
        super().__init__("login_level", detail=f"acr {acr[:40]!r}")


class PersonMissing(LoginFailed):
    """The login contains no fødselsnummer or D-nummer (foreign or self-registered user)."""

    def __init__(self) -> None:
        super().__init__("login_person_missing")


class LoginRefused(LoginFailed):
    """The response does not belong to this login, or is not ID-porten's."""

    def __init__(self, detail: str) -> None:
        super().__init__("login_refused", detail=detail)


class IdTokenValidator:
    """A validator for the tokens of one client of ``provider``.

    Thread-safe. ``clock`` is Unix time in seconds.
    """

    def __init__(self, provider: Provider, client_id: str, required_acr: str, clock: Callable[[], float]) -> None:
        self._provider = provider
        self._client_id = client_id
        self._required_level = LEVELS.index(required_acr)
        self._clock = clock
        self._spent_logouts: ExpiringCache[str, bool] = ExpiringCache(
            _LOGOUTS, _LOGOUT_SECONDS + 2 * CLOCK_SKEW_SECONDS, clock
        )
        self._spending = threading.Lock()

    def identity(self, id_token: str, request: LoginRequest) -> Identity:
        """Return the person in an ID token that answers ``request``.

        Raises: a LoginFailed, or ProviderUnavailable.
        """
        claims = self._verify_id_token(id_token, request.nonce)
        # A login that was not requested on anybody's behalf must not return on somebody's behalf.
        if {str(claims[name]) for name in _CUSTOMER if name in claims} != {request.on_behalf_of} - {""}:
            raise LoginRefused("id_token: on behalf of another")
        return self._identity(id_token, claims)

    @contextmanager
    def ended_session(self, logout_token: str) -> Iterator[str]:
        """Yield the provider's session that a back-channel logout token ends.

        A token is accepted once, unless an error ends the block: then the provider may send it again. A token
        without ``sid`` is refused: the client is registered for it, and ``sub`` is not stored.

        Raises: LoginRefused, ProviderUnavailable.
        """
        claims = self._genuine(logout_token, "logout_token", typ="logout+jwt", jti={"essential": True})
        events, sid, jti = claims.get("events"), claims.get("sid"), claims["jti"]
        if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict) or "nonce" in claims:
            raise LoginRefused("logout_token: not a logout")
        if not isinstance(sid, str) or not sid or not isinstance(jti, str):
            raise LoginRefused("logout_token: malformed sid or jti")
        if type(claims["iat"]) is not int or claims["iat"] < self._clock() - _LOGOUT_SECONDS - CLOCK_SKEW_SECONDS:
            raise LoginRefused("logout_token: too old")
        with self._spending:
            if self._spent_logouts.get(jti):
                raise LoginRefused("logout_token: used before")
            self._spent_logouts.put(jti, True, self._clock())
        try:
            yield sid
        except BaseException:
            self._spent_logouts.put(jti, False, self._clock())
            raise

    def _verify_id_token(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of a genuine and valid ID token, issued to this client as the response to ``nonce``."""
        demands: dict[str, Any] = {"sub": {"essential": True}, "nonce": {"essential": True, "value": nonce}}
        claims = self._genuine(id_token, "id_token", **demands)
        if claims.get("azp", self._client_id) != self._client_id:
            raise LoginRefused("id_token: issued to another party")
        return claims

    def _genuine(self, token: str, what: str, typ: str | None = None, **demands: Any) -> dict[str, Any]:
        """Return the claims of a valid token, issued by the provider to this client alone."""
        try:
            header = jws.extract_compact(token.encode()).headers()
            if header["alg"] != "RS256" or typ not in (None, str(header.get("typ")).lower()):
                raise LoginRefused(f"{what}: of another kind")
            claims = jwt.decode(token, self._provider.keys(header["kid"]), algorithms=["RS256"]).claims
            self._claims_registry(**demands).validate(claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise LoginRefused(f"{what}: {type(error).__name__}") from error
        # OpenID Connect Core 3.1.3.7: no other audience is trusted.
        if claims["aud"] not in (self._client_id, [self._client_id]):
            raise LoginRefused(f"{what}: further audiences")
        return claims

    def _claims_registry(self, **demands: Any) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": self._provider.issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            **demands,
        )

    def _identity(self, id_token: str, claims: Mapping[str, Any]) -> Identity:
        acr = claims.get("acr")
        if acr not in LEVELS or LEVELS.index(acr) < self._required_level:
            raise LevelTooLow(str(acr))
        pid, auth_time, sid = claims.get("pid"), claims.get("auth_time"), claims.get("sid")
        if not pid:
            raise PersonMissing
        if not isinstance(pid, str) or not _PID.fullmatch(pid):
            raise LoginRefused("id_token: malformed pid")
        if type(auth_time) is not int or not 0 < auth_time <= self._clock() + CLOCK_SKEW_SECONDS:
            raise LoginRefused("id_token: malformed auth_time")
        if type(claims["iat"]) is not int:
            raise LoginRefused("id_token: malformed iat")
        return Identity(
            person_identifier=pid,
            acr=acr,
            auth_time=datetime.fromtimestamp(auth_time, UTC),
            issued_at=datetime.fromtimestamp(claims["iat"], UTC),
            locale=str(claims.get("locale", "nb")),
            session_id=sid if isinstance(sid, str) else None,
            id_token=id_token,
            claims={name: _plain(claims[name]) for name in _EVIDENCE if name in claims},
        )


def _plain(claim: Any) -> str | int:
    """Return a claim as a string or an integer.

    The audience, already checked, may be a list of one.
    """
    only = claim[0] if isinstance(claim, list) and claim else claim
    return only if type(only) is int else str(only)
