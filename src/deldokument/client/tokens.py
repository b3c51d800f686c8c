"""Access tokens from Maskinporten, for a sender with a key of its own.

Promises a token with more than ten seconds left, asked for by one thread at a time, with an assertion that is used
once. Does not look into the token, which is opaque to its bearer.

Source: Digdir, Maskinporten JWT grant (RFC 7523).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from deldokument.client.errors import ClientError, NotConfigured, Refused, Unreachable
from deldokument.client.settings import Settings, is_safe

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_SECONDS: Final = 100  # Maskinporten accepts at most 120
_MARGIN_SECONDS: Final = 10.0
_TRIES: Final = 3


class MaskinportenTokens:
    """The tokens of one client and scope. ``clock`` is Unix time in seconds; ``wait`` lets time pass."""

    def __init__(
        self,
        settings: Settings,
        http: httpx.Client,
        *,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._key = read_key(settings.key_path)
        self._http = http
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._endpoint: str | None = None
        self._until, self._token = 0.0, ""

    def token(self) -> str:
        """An access token. Raises Refused or Unreachable."""
        with self._lock:
            if self._clock() >= self._until:
                self._until, self._token = self._ask()
            return self._token

    def forget(self, token: str) -> None:
        """The service does not take ``token``: ask for another the next time."""
        with self._lock:
            if token == self._token:
                self._until = 0.0

    def sign(self, purpose: bytes) -> bytes:
        """A secret for ``purpose`` that nobody without the key can compute, and the same each time."""
        private = self._key.as_dict(private=True)["d"]
        return hmac.new(str(private).encode(), purpose, hashlib.sha256).digest()

    def _ask(self) -> tuple[float, str]:
        last: ClientError = Unreachable("Maskinporten does not answer")
        for attempt in range(_TRIES):
            if attempt:
                self._wait(float(attempt))
            try:
                return self._asked()
            except httpx.HTTPError as error:
                last = Unreachable(f"Maskinporten does not answer ({type(error).__name__})")
            except Unreachable as error:
                last = error
        raise last

    def _asked(self) -> tuple[float, str]:
        asked_at = self._clock()
        # A new assertion for every try: one that may have arrived counts as used.
        answer = self._http.post(
            self._token_endpoint(), data={"grant_type": GRANT_TYPE, "assertion": self._assertion()}
        )
        body = _json_object(answer)
        if 400 <= answer.status_code < 500:
            code, words = str(body.get("error", "invalid_request")), str(body.get("error_description", ""))
            raise Refused(answer.status_code, code, f"Maskinporten: {words or code}")
        token, lifetime = body.get("access_token"), body.get("expires_in")
        if answer.status_code != 200 or not isinstance(token, str) or not token or type(lifetime) is not int:
            raise Unreachable(f"Maskinporten answers without a token (status {answer.status_code})")
        return asked_at + lifetime - _MARGIN_SECONDS, token

    def _assertion(self) -> str:
        now, settings = int(self._clock()), self._settings
        claims: dict[str, Any] = {
            "aud": settings.issuer,
            "iss": settings.client_id,
            "scope": settings.scope,
            "iat": now,
            "exp": now + _LIFETIME_SECONDS,
            "jti": secrets.token_urlsafe(24),
        }
        claims |= {"resource": settings.resource} if settings.resource else {}
        claims |= {"consumer_org": settings.consumer_org} if settings.consumer_org else {}
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key, algorithms=["RS256"])

    def _token_endpoint(self) -> str:
        if self._endpoint is None:
            issuer = self._settings.issuer
            metadata = _json_object(self._http.get(f"{issuer.rstrip('/')}/.well-known/oauth-authorization-server"))
            endpoint = metadata.get("token_endpoint")
            if metadata.get("issuer") != issuer or not isinstance(endpoint, str):
                raise Unreachable("Maskinporten's metadata are of another issuer")
            if not is_safe(endpoint):
                raise Unreachable("Maskinporten's metadata lead to where there is no TLS")
            self._endpoint = endpoint
        return self._endpoint


def read_key(path: Path) -> RSAKey:
    """The key that signs: of a JWK, or the first of a JWK set. Raises NotConfigured."""
    try:
        document = json.loads(path.read_text("utf-8"))
        key = RSAKey.import_key(dict(document["keys"][0] if "keys" in document else document))
    except OSError as error:
        raise NotConfigured(f"the key {path} cannot be read: {error.strerror}") from None
    except (JoseError, ValueError, TypeError, KeyError, IndexError):
        raise NotConfigured(f"{path} is neither a JWK nor a JWK set of RSA keys") from None
    if not key.is_private or not key.kid:
        raise NotConfigured(f"the key {path} needs its private part and a kid")
    return key


def _json_object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"Maskinporten answers no JSON object (status {answer.status_code})")
    return body
