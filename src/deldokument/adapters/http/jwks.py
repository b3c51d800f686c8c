"""JSON Web Key Sets: the public keys of ID-porten and Maskinporten, which sign their tokens.

Guarantees:
- Keys are at most a day old, and are fetched again if a token names an unknown key.
- Anybody can send a token with an invented key name: such tokens cause at most one fetch per `KEYS_REST_SECONDS`.
- That fetch does not block threads whose keys are cached.

The caller passes a function that finds the keys.

Sources: RFC 7517; Digdir on rotation of keys.
"""

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
"""The shortest time between two fetches for tokens that name unknown keys."""
FAILURE_REST_SECONDS: Final = 10
"""How long no fetch is attempted after a failure."""
MIN_RSA_BITS: Final = 2048
"""RFC 7518, 3.3: a smaller key must not be used."""


class IssuerKeys:
    """An issuer's public RSA keys. One thread fetches; the others wait only if no keys are cached.

    ``find`` returns the address of the key set; it may raise httpx.HTTPError or ValueError. ``unavailable``
    builds the error for unavailable keys from a detail. ``clock`` is Unix time in seconds. ``wait_seconds``
    is how long threads without keys wait for the fetch.
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
        """Return the keys, including ``kid`` if the issuer has published it.

        Raises: the error that ``unavailable`` builds.
        """
        if (keys := self._young_keys()) and _has(keys, kid):
            return keys
        with self._bulkhead.place() as is_admitted:
            # With cached keys, only tokens with invented or new key names get here. They must not block threads.
            if not is_admitted or not self._lock.acquire(timeout=0 if keys else self._wait_seconds):
                raise self._unavailable("keys are being fetched")
            try:
                return self._find_keys(kid)
            finally:
                self._lock.release()

    def _find_keys(self, kid: object) -> KeySet:
        keys, now = self._young_keys(), self._clock()
        if keys and _has(keys, kid):
            return keys
        if now < self._next_at:
            if keys is None or self._failed:
                raise self._unavailable(self._failed)
            return keys
        try:
            keys = self._fetch_keys()
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            what = "no keys" if isinstance(error, httpx.HTTPError) else "malformed keys"
            self._failed, self._next_at = f"{what}: {type(error).__name__}", self._clock() + FAILURE_REST_SECONDS
            raise self._unavailable(self._failed) from error
        self._known, self._failed, self._next_at = (now, keys), "", now + KEYS_REST_SECONDS
        return keys

    def _young_keys(self) -> KeySet | None:
        known = self._known
        return known[1] if known and self._clock() - known[0] < KEYS_KEPT_SECONDS else None

    def _fetch_keys(self) -> KeySet:
        answer = self._http.get(self._find(), headers={"Accept": "application/json"}).raise_for_status()
        return KeySet.import_key_set({"keys": [key for key in json_object(answer)["keys"] if _may_sign(key)]})


def _may_sign(key: Any) -> bool:
    """Return whether it is a named RSA key of sufficient strength, not meant for encryption.

    Other keys are ignored.

    Raises: ValueError, KeyError or TypeError for a malformed key.
    """
    if not isinstance(key, Mapping):
        raise ValueError("no key")
    named = key.get("kty") == "RSA" and isinstance(key.get("kid"), str) and key.get("use", "sig") == "sig"
    return named and base64_to_int(key["n"]).bit_length() >= MIN_RSA_BITS


def _has(keys: KeySet, kid: object) -> bool:
    return any(key.kid == kid for key in keys.keys)
