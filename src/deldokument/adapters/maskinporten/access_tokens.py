"""Access tokens from Maskinporten, validated as a resource server.

Guarantees:
- A Consumer is returned only for a valid token with our scope, signed with RS256, RS384 or RS512 by the
  issuer's present keys.
- The token is restricted to the configured audience.
- The consumer is a Norwegian organisation; ``client_id`` and ``client_org`` do not matter.
- No error contains any part of a token.

Sources: Digdir, Maskinporten for API providers; RFC 7515, 7519, 8414 and 9068.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
from joserfc import jws, jwt
from joserfc.errors import JoseError

from deldokument.adapters.http.client import endpoint_of, json_object
from deldokument.adapters.http.jwks import IssuerKeys
from deldokument.domain.errors import InvalidInput, ScopeMissing, TokenRefused, Unavailable
from deldokument.domain.identifiers import Consumer, OrganizationNumber, parse_organization

ALGORITHMS: Final = ("RS256", "RS384", "RS512")
CLOCK_SKEW_SECONDS: Final = 10
_MAX_TOKEN_LENGTH: Final = 8 * 1024
_AUTHORITY: Final = "iso6523-actorid-upis"
_NORWEGIAN: Final = "0192:"


class KeysUnavailable(Unavailable):
    """Maskinporten's keys are unavailable, so no token can be validated."""

    def __init__(self, detail: str) -> None:
        super().__init__("tokens_unavailable", detail=f"maskinporten: {detail}")


class AccessTokenValidator:
    """A validator for tokens of Maskinporten at ``issuer`` (with its trailing slash). Thread-safe.

    ``audience``: tokens must be restricted to it. ``clock`` is Unix time in seconds.
    """

    def __init__(
        self,
        issuer: str,
        scope: str,
        audience: str,
        http: httpx.Client,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._scope = scope
        self._audience = audience
        self._http = http
        self._keys = IssuerKeys(self._jwks_uri, http, clock, KeysUnavailable)
        self._clock = clock

    def verify(self, token: str) -> Consumer:
        """Return the consumer of the token.

        Raises: TokenRefused, ScopeMissing or KeysUnavailable.
        """
        claims = self._genuine(token)
        consumer = Consumer(
            _organization(claims.get("consumer"), "consumer"),
            _organization(claims["supplier"], "supplier") if "supplier" in claims else None,
        )
        scopes = claims.get("scope")
        if not isinstance(scopes, str) or self._scope not in scopes.split(" "):
            raise ScopeMissing(self._scope)
        return consumer

    def _jwks_uri(self) -> str:
        url = f"{self._issuer}.well-known/oauth-authorization-server"
        answer = self._http.get(url, headers={"Accept": "application/json"}).raise_for_status()
        return endpoint_of(json_object(answer), self._issuer, "jwks_uri")

    def _genuine(self, token: str) -> dict[str, Any]:
        """Return the claims of a valid token of the issuer that may be used here."""
        if len(token) > _MAX_TOKEN_LENGTH:
            raise _refusal("too long")
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
            if header["alg"] not in ALGORITHMS:
                raise _refusal("algorithm")
            claims = jwt.decode(token, self._keys.with_key(header["kid"]), algorithms=list(ALGORITHMS)).claims
            self._demands().validate(claims)
        except (JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise _refusal(type(error).__name__) from None
        if type(claims["exp"]) is not int or type(claims.get("nbf", 0)) is not int:
            raise _refusal("malformed time")
        return claims

    def _demands(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._clock()),
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
        )


def _refusal(detail: str) -> TokenRefused:
    return TokenRefused("token_invalid", detail=detail)


def _organization(claim: object, what: str) -> OrganizationNumber:
    """Return a Norwegian organisation.

    Identifiers of other authorities can occur, but are refused.
    """
    if not isinstance(claim, Mapping) or claim.get("authority") != _AUTHORITY:
        raise _refusal(f"{what}: authority")
    identifier = claim.get("ID")
    if not isinstance(identifier, str) or not identifier.startswith(_NORWEGIAN):
        raise _refusal(f"{what}: no Norwegian organisation")
    try:
        number = parse_organization(identifier.removeprefix(_NORWEGIAN))
    except InvalidInput as error:
        raise _refusal(f"{what}: {error.code}") from None
    if identifier != _NORWEGIAN + number.value:
        raise _refusal(f"{what}: not canonical")
    return number
