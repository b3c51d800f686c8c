"""The public keys that an issuer signs its tokens with: ID-porten's and Maskinporten's alike.

Promises keys that are at most a day old, fetched again when a token names one that is not there, and never asked for
again and again on behalf of callers who invent names of keys: anybody may send a token, and nobody's thread is held up
for it while known keys do. Knows no token, and not where the keys are: it is given a way to find that out.

Sources: RFC 7517; Digdir on rotation of keys.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.util import base64_to_int

from deldokument.adapters.http.client import Bulkhead, json_object
from deldokument.domain.errors import Unavailable

KEYS_KEPT_SECONDS: Final = 24 * 60 * 60
KEYS_REST_SECONDS: Final = 30
"""The shortest time between two fetches on behalf of tokens that name unknown keys."""
FAILURE_REST_SECONDS: Final = 10
"""How long nobody asks for the keys after an attempt that failed."""
MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3: a smaller key must not be used."""


class IssuerKeys:
    """An issuer's public RSA keys. One thread fetches; for the first ones alone the others wait a moment.

    ``find`` tells the address of the key set; it may raise httpx.HTTPError or ValueError. ``unavailable`` makes the
    error for keys that cannot be had, of a detail. ``clock`` is Unix time in seconds. ``wait_seconds``: how long the
    threads that have no keys wait for the one that fetches.
    """

    def __init__(
        self,
        find: Callable[[], str],
        http: httpx.Client,
        clock: Callable[[], float],
        unavailable: Callable[[str], Unavailable],
        *,
        wait_seconds: float = 2.0,
    ) -> None:
        self._find = find
        self._http = http
        self._clock = clock
        self._unavailable = unavailable
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._bulkhead = Bulkhead()
        self._known: tuple[float, KeySet] | None = None
        self._next_at = 0.0
        self._failed = ""

    def with_key(self, kid: object) -> KeySet:
        """Keys among which ``kid`` is, or would be if it were the issuer's. Raises what ``unavailable`` makes."""
        if (keys := self._young_keys()) and _has(keys, kid):
            return keys
        with self._bulkhead.place() as is_admitted:
            # With keys at hand only invented names of keys and fresh ones come here, and may not hold up threads.
            if not is_admitted or not self._lock.acquire(timeout=0 if keys else self._wait_seconds):
                raise self._unavailable("keys are being fetched")
            try:
                return self._asked(kid)
            finally:
                self._lock.release()

    def _asked(self, kid: object) -> KeySet:
        keys, now = self._young_keys(), self._clock()
        if keys and _has(keys, kid):
            return keys
        if now < self._next_at:
            if keys is None or self._failed:
                raise self._unavailable(self._failed)
            return keys
        try:
            keys = self._fetched()
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            what = "no keys" if isinstance(error, httpx.HTTPError) else "malformed keys"
            self._failed, self._next_at = f"{what}: {type(error).__name__}", self._clock() + FAILURE_REST_SECONDS
            raise self._unavailable(self._failed) from error
        self._known, self._failed, self._next_at = (now, keys), "", now + KEYS_REST_SECONDS
        return keys

    def _young_keys(self) -> KeySet | None:
        known = self._known
        return known[1] if known and self._clock() - known[0] < KEYS_KEPT_SECONDS else None

    def _fetched(self) -> KeySet:
        answer = self._http.get(self._find(), headers={"Accept": "application/json"}).raise_for_status()
        return KeySet.import_key_set({"keys": [key for key in json_object(answer)["keys"] if _may_sign(key)]})


def _may_sign(key: Any) -> bool:
    """Whether it is a strong enough RSA key with a name, not meant for encryption; other keys count as not published.

    Raises ValueError, KeyError or TypeError for what is no key.
    """
    if not isinstance(key, Mapping):
        raise ValueError("no key")
    named = key.get("kty") == "RSA" and isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"
    return named and base64_to_int(key["n"]).bit_length() >= MIN_RSA_BITS


def _has(keys: KeySet, kid: object) -> bool:
    return any(key.kid == kid for key in keys.keys)
