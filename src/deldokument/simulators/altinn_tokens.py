"""Tokens that the Altinn simulators accept: Maskinporten's, and Altinn's own, for which Maskinporten's are exchanged.

Guarantees:
- A token is accepted only from a trusted issuer, signed with a current key, unexpired and with one of the scopes.

Source: Altinn Authentication, ``exchange/maskinporten``.
"""

import secrets
import time
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deldokument.simulators.common.tokens import AssertionRefused, public_jwks, sign, signing_key, unverified_claims

SCOPES: Final = frozenset(
    {
        "altinn:accessmanagement/authorizedparties.resourceowner",
        "altinn:accessmanagement/authorizedparties.admin",
    }
)
ALTINN_TOKEN_SECONDS: Final = 30 * 60


class TokenCheck:
    """Validation of bearer tokens from the Maskinporten at ``issuer`` and, if given, from the Altinn at ``altinn``.

    ``only_altinn``: Maskinporten's own tokens are refused.
    """

    def __init__(
        self, issuer: str, scopes: frozenset[str] = SCOPES, *, altinn: str = "", only_altinn: bool = False
    ) -> None:
        issuer = f"{issuer.rstrip('/')}/"
        self._scopes = scopes
        self._metadata: dict[str, str] = {}
        if not only_altinn:
            self._metadata[issuer] = f"{issuer}.well-known/oauth-authorization-server"
        if altinn:
            self._metadata[openid_issuer(altinn)] = f"{openid_issuer(altinn)}.well-known/openid-configuration"

    async def refusal(
        self, request: Request, subscription_key: str, scopes: frozenset[str] | None = None
    ) -> Response | None:
        """Return 401 without the key or a valid token, 403 without one of the scopes, otherwise None."""
        token = bearer(request)
        if not token or request.headers.get("ocp-apim-subscription-key") != subscription_key:
            return Response(status_code=401)
        claims = await run_in_threadpool(self.claims, token)
        if claims is None:
            return Response(status_code=401)
        granted = (scopes or self._scopes).intersection(str(claims.get("scope")).split())
        return None if granted else Response(status_code=403)

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a valid token, or None."""
        try:
            issuer = str(unverified_claims(token).get("iss"))
            claims = jwt.decode(token, self._keys(issuer), algorithms=["RS256"]).claims
        except (AssertionRefused, JoseError, ValueError, KeyError):
            return None
        return claims if claims.get("exp", 0) > time.time() else None

    def _keys(self, issuer: str) -> KeySet:
        metadata = httpx.get(self._metadata[issuer]).json()
        return KeySet.import_key_set(httpx.get(metadata["jwks_uri"]).json())


class Exchange:
    """Token exchange of the Altinn at ``url``: accepts Maskinporten's tokens with one of Altinn's scopes."""

    def __init__(self, url: str, maskinporten: TokenCheck) -> None:
        self._issuer = openid_issuer(url)
        self._maskinporten = maskinporten
        self._key = signing_key(None, "altinn")

    def routes(self) -> list[Route]:
        path = urlsplit(self._issuer).path
        return [
            Route(f"{path}.well-known/openid-configuration", self._describe),
            Route(f"{path}.well-known/openid-configuration/jwks", self._jwks),
            Route("/authentication/api/v1/exchange/maskinporten", self._exchange),
        ]

    async def _describe(self, _: Request) -> Response:
        address = f"{self._issuer}.well-known/openid-configuration/jwks"
        return JSONResponse({"issuer": self._issuer, "jwks_uri": address})

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse(public_jwks(self._key))

    async def _exchange(self, request: Request) -> Response:
        token = bearer(request)
        claims = await run_in_threadpool(self._maskinporten.claims, token) if token else None
        if claims is None:
            return Response(status_code=401)
        if not str(claims.get("scope")).startswith("altinn:"):
            return Response(status_code=403)
        return JSONResponse(sign(self._key, self._exchanged_claims(claims)))

    def _exchanged_claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self._issuer,
            "scope": claims["scope"],
            "token_type": "Bearer",
            "client_id": claims["client_id"],
            "consumer": claims["consumer"],
            "urn:altinn:orgNumber": claims["consumer"]["ID"].removeprefix("0192:"),
            "urn:altinn:authenticatemethod": "maskinporten",
            "urn:altinn:authlevel": 3,
            "iat": now,
            "nbf": now,
            "exp": now + ALTINN_TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(16),
        }


def openid_issuer(altinn: str) -> str:
    """Return the issuer of tokens of the Altinn at that address."""
    return f"{altinn.rstrip('/')}/authentication/api/v1/openid/"


def bearer(request: Request) -> str:
    """Return the bearer token of a request, or an empty string."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
