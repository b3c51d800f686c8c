"""What the adapters to national registers share: a client with short time limits, signed assertions, a bounded cache.

Promises that no register is waited for longer than seconds, that redirects are never followed, and that the cache
neither grows without bound nor answers with anything older than its limit. Knows no register.
"""

from __future__ import annotations

import math
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 5.0
ASSERTION_LIFETIME_S = 100  # ID-porten and Maskinporten accept at most 120

K = TypeVar("K")
V = TypeVar("V")


def outbound_client() -> httpx.Client:
    """A client for all registers together; safe to share between threads. The caller closes it."""
    return httpx.Client(timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S), follow_redirects=False)


def json_of(response: httpx.Response) -> Any:
    """The JSON in a response's body. Raises ValueError for anything else, and for what does not say that it is JSON."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ValueError("not said to be JSON")
    try:
        return response.json()
    except RecursionError:
        raise ValueError("nested too deep") from None


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in a response's body. Raises ValueError as json_of, and for other JSON."""
    body = json_of(response)
    if not isinstance(body, dict):
        raise ValueError("not a JSON object")
    return body


def endpoint_of(metadata: Mapping[str, Any], issuer: str, name: str) -> str:
    """An address in an issuer's metadata, over the issuer's own scheme: https must not lead to http.

    Raises ValueError for another, and for metadata of another issuer.
    """
    if metadata.get("issuer") != issuer:
        raise ValueError("another issuer's")
    address = metadata.get(name)
    if not isinstance(address, str) or not address.startswith(issuer.partition("//")[0] + "//"):
        raise ValueError(f"no {name} over the issuer's scheme")
    return address


def client_keys(document: Any) -> list[RSAKey]:
    """The private RSA keys in a JWK or a JWK set, of which the first signs and all are registered.

    Raises ValueError when one has no private part or no ``kid`` of its own; the message shows no key.
    """
    keys = document.get("keys", [document]) if isinstance(document, Mapping) else None
    try:
        loaded = [RSAKey.import_key(dict(key)) for key in keys or ()]
    except (JoseError, ValueError, TypeError, KeyError):
        raise ValueError("neither a JWK nor a JWK set of RSA keys") from None
    if not loaded or not all(key.is_private and key.kid for key in loaded):
        raise ValueError("a client key needs its private part and a kid")
    if len({key.kid for key in loaded}) < len(loaded):
        raise ValueError("two client keys have the same kid")
    return loaded


def signing_key(document: Mapping[str, Any]) -> RSAKey:
    """The key that signs, of those in a JWK or a JWK set. Raises ValueError as `client_keys` does."""
    return client_keys(document)[0]


def sign_assertion(key: RSAKey, claims: Mapping[str, Any], now: float) -> str:
    """A JWT (RS256, with ``kid``) that lives 100 seconds from ``now`` (Unix time) and can be used once."""
    timed = {"iat": int(now), "exp": int(now) + ASSERTION_LIFETIME_S, "jti": secrets.token_urlsafe(24)}
    return jwt.encode({"alg": "RS256", "kid": key.kid}, {**claims, **timed}, key, algorithms=["RS256"])


class ExpiringCache(Generic[K, V]):
    """Remembers at most ``size`` values, each for ``lifetime_s`` seconds of ``clock`` (monotonic). Thread-safe."""

    def __init__(self, size: int, lifetime_s: float, clock: Callable[[], float]) -> None:
        self._size = size
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K, within_s: float = math.inf) -> V | None:
        """What is remembered, when the question is younger than ``within_s`` as well."""
        with self._lock:
            entry = self._values.get(key)
            if entry is None:
                return None
            asked_at, value = entry
            age = self._clock() - asked_at
            if age >= self._lifetime_s:
                del self._values[key]
            return value if age < min(within_s, self._lifetime_s) else None

    def put(self, key: K, value: V, asked_at: float) -> None:
        """Remember an answer to a question that was asked at ``asked_at`` (of ``clock``)."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (asked_at, value)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
