"""Access tokens from Maskinporten, for calls to other registers as our own organisation.

Guarantees:
- A token has more than ten seconds left; otherwise the call raises TokenUnavailable.
- A request without a response, or with a server error, is retried once with a shorter time limit. The retry
  has a new assertion, because one that the server may have seen is not valid again.
- A refused request is never retried.

Does not parse the token, which is opaque to its bearer, and does not know its purpose.

Source: Digdir, Maskinporten JWT grant (RFC 7523).
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
from joserfc.jwk import RSAKey

from deldokument.adapters.http.client import WAIT_SECONDS, endpoint_of, json_object
from deldokument.adapters.http.token_cache import TokenCache, TokenUnavailable
from deldokument.client.jwt_grant import grant_request, read_grant

_METADATA_SECONDS: Final = 24 * 60 * 60
_LESS_PATIENCE: Final = httpx.Timeout(2.0, pool=WAIT_SECONDS)


class _ServerError(TokenUnavailable):
    """A server error at Maskinporten, not caused by the request."""


class MaskinportenClient(TokenCache):
    """A client of Maskinporten at ``issuer`` (with its trailing slash), with the key of ``client_id``.

    ``client_key`` is one that `signing_key` returns. ``resource`` is the audience to which tokens are
    restricted, if any. ``clock`` is Unix time in seconds.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_key: RSAKey,
        http: httpx.Client,
        *,
        resource: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(self._fetch_token, clock)
        self._issuer = issuer
        self._client_id = client_id
        self._key = client_key
        self._http = http
        self._resource = resource
        self._endpoint = (-math.inf, "")

    def _fetch_token(self, scope: str) -> tuple[str, float]:
        try:
            return self._asked_twice(scope)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise TokenUnavailable(f"maskinporten: {type(error).__name__}") from error

    def _asked_twice(self, scope: str) -> tuple[str, float]:
        try:
            return self._ask(scope, {})
        except (httpx.TransportError, _ServerError):
            return self._ask(scope, {"timeout": _LESS_PATIENCE})

    def _ask(self, scope: str, options: Mapping[str, Any]) -> tuple[str, float]:
        asked_at = self._clock()
        form = grant_request(
            self._key,
            asked_at,
            issuer=self._issuer,
            client_id=self._client_id,
            scope=scope,
            resource=self._resource,
        )
        response = _check_response(self._http.post(self._token_endpoint(options), data=form, **options))
        token, lifetime = read_grant(json_object(response))
        return token, asked_at + lifetime

    def _token_endpoint(self, options: Mapping[str, Any]) -> str:
        now, (read_at, endpoint) = self._clock(), self._endpoint
        if now - read_at > _METADATA_SECONDS:
            url = f"{self._issuer}.well-known/oauth-authorization-server"
            metadata = json_object(_check_response(self._http.get(url, **options)))
            endpoint = endpoint_of(metadata, self._issuer, "token_endpoint")
            self._endpoint = now, endpoint
        return endpoint


def _check_response(response: httpx.Response) -> httpx.Response:
    """Return the response if it is OK.

    Raises: TokenUnavailable; a _ServerError if a retry may succeed.
    """
    if response.status_code != httpx.codes.OK:
        kind = _ServerError if response.is_server_error else TokenUnavailable
        raise kind(f"maskinporten: status {response.status_code}")
    return response
