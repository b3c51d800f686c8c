"""ID-porten's discovery document and key set, cached for a day.

Guarantees:
- Addresses come from the configured issuer, and have its scheme.
- Keys are as `IssuerKeys` guarantees.

Source: OpenID Connect Discovery 1.0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from joserfc.jwk import KeySet

from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.http.client import endpoint_of, json_object
from deldokument.adapters.http.jwks import IssuerKeys
from deldokument.domain.errors import Unavailable

_CACHE_SECONDS: Final = 24 * 60 * 60


class ProviderUnavailable(Unavailable):
    """ID-porten did not respond, or did not accept our request."""

    def __init__(self, detail: str) -> None:
        super().__init__("login_unavailable", detail=f"idporten: {detail}")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The provider's addresses, as discovered at ``fetched_at`` (Unix time)."""

    fetched_at: float
    authorization: str
    token: str
    jwks: str
    end_session: str
    pushed: str | None
    names_issuer: bool


class Provider:
    """The provider at ``issuer``. Thread-safe. ``clock`` is Unix time in seconds."""

    def __init__(self, issuer: str, http: httpx.Client, clock: Callable[[], float], breaker: Breaker) -> None:
        self.issuer = issuer
        self._http = http
        self._clock = clock
        self._breaker = breaker
        self._known_metadata: Metadata | None = None
        self._keys = IssuerKeys(lambda: self._discover().jwks, http, clock, ProviderUnavailable)

    def keys(self, kid: str) -> KeySet:
        """Return the provider's keys, including ``kid`` if it is one of them.

        Raises: ProviderUnavailable.
        """
        return self._keys.with_key(kid)

    def ask(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send a request through the circuit breaker.

        Raises:
            ProviderUnavailable: The breaker is open; nothing was sent.
            httpx.HTTPError: There was no response.
        """
        if not self._breaker.admits():
            raise ProviderUnavailable("not asked, it was silent just now")
        try:
            response = send()
        except httpx.PoolTimeout:
            # All connections are in use: no request was sent, so the provider has not failed.
            raise
        except httpx.TransportError:
            self._breaker.record_failure()
            raise
        self._breaker.record_answer()
        return response

    def metadata(self) -> Metadata:
        """Return the provider's addresses.

        Raises: ProviderUnavailable.
        """
        try:
            return self._discover()
        except httpx.HTTPError as error:
            raise ProviderUnavailable(type(error).__name__) from error
        except ValueError as error:
            raise ProviderUnavailable(f"metadata: {error}") from error

    def _discover(self) -> Metadata:
        now = self._clock()
        known = self._known_metadata
        if known is None or now - known.fetched_at > _CACHE_SECONDS:
            url = f"{self.issuer}/.well-known/openid-configuration"
            document = json_object(self.ask(lambda: self._http.get(url)).raise_for_status())
            known = self._known_metadata = self._read_metadata(document, now)
        return known

    def _read_metadata(self, document: Mapping[str, Any], now: float) -> Metadata:
        def endpoint(name: str) -> str:
            return endpoint_of(document, self.issuer, name)

        pushed = "pushed_authorization_request_endpoint"
        return Metadata(
            fetched_at=now,
            authorization=endpoint("authorization_endpoint"),
            token=endpoint("token_endpoint"),
            jwks=endpoint("jwks_uri"),
            end_session=endpoint("end_session_endpoint"),
            pushed=endpoint(pushed) if pushed in document else None,
            names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        )


def read_answer(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a response.

    Raises: ProviderUnavailable.
    """
    try:
        return json_object(response)
    except ValueError as error:
        raise ProviderUnavailable("malformed answer") from error
