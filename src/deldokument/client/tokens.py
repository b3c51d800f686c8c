"""Access tokens from Maskinporten, for a client with its own key.

Guarantees:
- A token is valid for at least ten more seconds.
- One thread at a time requests a token.
- An assertion is used once.

Does not parse the token, which is opaque to its bearer.
Source: Digdir, Maskinporten JWT grant (RFC 7523).
"""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
from joserfc.jwk import RSAKey

from deldokument.client.errors import ClientError, NotConfigured, Refused, Unreachable
from deldokument.client.jwt_grant import grant_request, private_key, read_grant
from deldokument.client.settings import Settings, is_safe

_MARGIN_SECONDS: Final = 10.0
_TRIES: Final = 3


class MaskinportenTokens:
    """Cached access token of one client and scope.

    ``clock`` returns Unix time in seconds; ``wait`` pauses for a number of seconds.
    """

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
        """Return an access token. Raises: Refused or Unreachable."""
        with self._lock:
            if self._clock() >= self._until:
                self._until, self._token = self._ask()
            return self._token

    def forget(self, token: str) -> None:
        """Discard ``token``, which the service has rejected: the next call requests another."""
        with self._lock:
            if token == self._token:
                self._until = 0.0

    def sign(self, purpose: bytes) -> bytes:
        """Return a secret for ``purpose``, always the same. Only the holder of the private key can compute it."""
        private = self._key.as_dict(private=True)["d"]
        return hmac.new(str(private).encode(), purpose, hashlib.sha256).digest()

    def _ask(self) -> tuple[float, str]:
        last: ClientError = Unreachable("Maskinporten does not answer")
        for attempt in range(_TRIES):
            if attempt:
                self._wait(float(attempt))
            try:
                return self._request_token()
            except httpx.HTTPError as error:
                last = Unreachable(f"Maskinporten does not answer ({type(error).__name__})")
            except Unreachable as error:
                last = error
        raise last

    def _request_token(self) -> tuple[float, str]:
        asked_at = self._clock()
        response = self._http.post(self._token_endpoint(), data=self._form(asked_at))
        body = _json_object(response)
        if 400 <= response.status_code < 500:
            code, words = str(body.get("error", "invalid_request")), str(body.get("error_description", ""))
            raise Refused(response.status_code, code, f"Maskinporten: {words or code}")
        no_token = Unreachable(f"Maskinporten's response has no token (status {response.status_code})")
        if response.status_code != 200:
            raise no_token
        try:
            token, lifetime = read_grant(body)
        except ValueError:
            raise no_token from None
        return asked_at + lifetime - _MARGIN_SECONDS, token

    def _form(self, now: float) -> dict[str, str]:
        settings = self._settings
        return grant_request(
            self._key,
            now,
            issuer=settings.issuer,
            client_id=settings.client_id,
            scope=settings.scope,
            resource=settings.resource,
            consumer_org=settings.consumer_org,
        )

    def _token_endpoint(self) -> str:
        if self._endpoint is None:
            issuer = self._settings.issuer
            metadata = _json_object(self._http.get(f"{issuer.rstrip('/')}/.well-known/oauth-authorization-server"))
            endpoint = metadata.get("token_endpoint")
            if metadata.get("issuer") != issuer or not isinstance(endpoint, str):
                raise Unreachable("Maskinporten's metadata is from another issuer")
            if not is_safe(endpoint):
                raise Unreachable("Maskinporten's metadata has a token endpoint with no TLS")
            self._endpoint = endpoint
        return self._endpoint


def read_key(path: Path) -> RSAKey:
    """Return the key that signs: a JWK, or the first key of a JWK set. Raises: NotConfigured."""
    try:
        document = json.loads(path.read_text("utf-8"))
        return private_key(document["keys"][0] if "keys" in document else document)
    except OSError as error:
        raise NotConfigured(f"the key {path} cannot be read: {error.strerror}") from None
    except (TypeError, LookupError, UnicodeDecodeError, json.JSONDecodeError):
        raise NotConfigured(f"{path} is neither a JWK nor a JWK set of RSA keys") from None
    except ValueError as error:
        raise NotConfigured(f"{path}: {error}") from None


def _json_object(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unreachable(f"Maskinporten's response is not a JSON object (status {answer.status_code})")
    return body
