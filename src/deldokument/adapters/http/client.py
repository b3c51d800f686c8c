"""Parts that the adapters to national registers share: a bounded HTTP client, client keys, a cache.

Guarantees:
- A call to a register takes at most ten seconds, and its response has at most ``max_bytes`` (see `bounded`).
- At most ``max_calls`` calls to a register are in progress. A further call waits `WAIT_SECONDS` for a place,
  then fails. So a register that hangs blocks few of the threads that serve pages.
- Redirects are never followed.
- The cache is bounded, and holds nothing older than its limit.

Knows no register.
"""

import math
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import httpx
from joserfc.jwk import RSAKey

from deldokument.adapters.http.bounded import BoundedClient, Observe
from deldokument.client.jwt_grant import client_keys

CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 5.0
MAX_CALLS = 8
"""Simultaneous calls to one register: a fifth of the threads that serve pages."""
WAIT_SECONDS = 0.25
IDLE_SECONDS = 4.0
"""How long an idle connection is kept: common servers close theirs after five, and a request sent then is lost."""
MAX_RESPONSE_BYTES = 1 << 20

K = TypeVar("K")
V = TypeVar("V")


def outbound_client(
    *,
    tls: ssl.SSLContext | None = None,
    max_bytes: int = MAX_RESPONSE_BYTES,
    max_calls: int = MAX_CALLS,
    read_seconds: float = READ_TIMEOUT_SECONDS,
    **observing: Observe,
) -> httpx.Client:
    """Return a client for one register; safe to share between threads. The caller closes it.

    A call that exceeds any bound raises an httpx.TransportError.
    """
    return BoundedClient(
        max_bytes=max_bytes,
        timeout=httpx.Timeout(read_seconds, connect=CONNECT_TIMEOUT_SECONDS, pool=WAIT_SECONDS),
        limits=httpx.Limits(
            max_connections=max_calls, max_keepalive_connections=max_calls, keepalive_expiry=IDLE_SECONDS
        ),
        verify=tls or httpx.create_ssl_context(),
        follow_redirects=False,
        **observing,
    )


class OutboundClients:
    """A factory of one client per register, so that a hanging register does not affect calls to the others."""

    def __init__(self) -> None:
        self.observe: Callable[[str, str, float], None] | None = None
        """Called after each call with register, outcome and duration in seconds; see `BoundedClient`."""
        self._tls = httpx.create_ssl_context()
        self._clients: list[httpx.Client] = []

    def open(self, register: str, *, max_bytes: int = MAX_RESPONSE_BYTES, max_calls: int = MAX_CALLS) -> httpx.Client:
        """Return a new client for a register, which `close` closes."""

        def observe(outcome: str, seconds: float) -> None:
            if self.observe is not None:
                self.observe(register, outcome, seconds)

        client = outbound_client(tls=self._tls, max_bytes=max_bytes, max_calls=max_calls, observe=observe)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close all clients."""
        for client in self._clients:
            client.close()


class Bulkhead:
    """A limit of `MAX_CALLS` concurrent threads, for steps that wait for several calls."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MAX_CALLS)

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Yield whether a place was free within `WAIT_SECONDS`; it is held until the block ends."""
        is_admitted = self._places.acquire(timeout=WAIT_SECONDS)
        try:
            yield is_admitted
        finally:
            if is_admitted:
                self._places.release()


def json_of(response: httpx.Response) -> Any:
    """Return the JSON in a response's body.

    Raises: ValueError for other content, or if the content type is not JSON.
    """
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ValueError("not said to be JSON")
    try:
        return response.json()
    except RecursionError:
        raise ValueError("nested too deep") from None


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object in a response's body.

    Raises: ValueError as `json_of`, and for other JSON.
    """
    body = json_of(response)
    if not isinstance(body, dict):
        raise ValueError("not a JSON object")
    return body


def endpoint_of(metadata: Mapping[str, Any], issuer: str, name: str) -> str:
    """Return an address from an issuer's metadata. It has the scheme of the issuer, so that https never leads to http.

    Raises: ValueError for another scheme, and for metadata of another issuer.
    """
    if metadata.get("issuer") != issuer:
        raise ValueError("another issuer's")
    address = metadata.get(name)
    if not isinstance(address, str) or not address.startswith(issuer.partition("//")[0] + "//"):
        raise ValueError(f"no {name} over the issuer's scheme")
    return address


def signing_key(document: Mapping[str, Any]) -> RSAKey:
    """Return the signing key of a JWK or a JWK set.

    Raises: ValueError as `client_keys`.
    """
    return client_keys(document)[0]


class ExpiringCache(Generic[K, V]):
    """A cache of at most ``size`` values, each for ``lifetime_seconds`` of ``clock`` (monotonic). Thread-safe."""

    def __init__(self, size: int, lifetime_seconds: float, clock: Callable[[], float]) -> None:
        self._size = size
        self._lifetime_seconds = lifetime_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K, within_seconds: float = math.inf) -> V | None:
        """Return the value, if it is also younger than ``within_seconds``."""
        with self._lock:
            entry = self._values.get(key)
            if entry is None:
                return None
            asked_at, value = entry
            age = self._clock() - asked_at
            if age >= self._lifetime_seconds:
                del self._values[key]
            return value if age < min(within_seconds, self._lifetime_seconds) else None

    def put(self, key: K, value: V, asked_at: float) -> None:
        """Store the response to a request that was sent at ``asked_at`` (of ``clock``)."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = (asked_at, value)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
