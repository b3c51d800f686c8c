"""Access tokens from Maskinporten, for calling other public registers as our own organisation.

Promises a token with more than ten seconds left, or TokenUnavailable. A question that got no answer, or one that says
that something is wrong there, is asked once more, with a new assertion (one that may have been taken is not good again)
and less patience; one that was refused never is. Does not look into the token, which is opaque to its bearer, and does
not know what it is for.

Source: Digdir, Maskinporten JWT grant (RFC 7523).
"""

from __future__ import annotations

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
    """Something is wrong at Maskinporten, and not with the question."""


class MaskinportenClient:
    """Asks the Maskinporten at ``issuer`` (with its trailing slash) with the key registered for ``client_id``.

    ``client_key`` is one that `signing_key` returns. ``resource`` is the audience that tokens are to be good for alone,
    if any. ``clock`` is Unix time in seconds.
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
        self._issuer = issuer
        self._client_id = client_id
        self._key = client_key
        self._http = http
        self._resource = resource
        self._clock = clock
        self._shelf = TokenCache(self._fetch, clock)
        self._endpoint = (-math.inf, "")

    def token(self, scope: str) -> str:
        """An access token for ``scope``, new or with more than ten seconds left. Raises TokenUnavailable."""
        return self._shelf.token(scope)

    def _fetch(self, scope: str) -> tuple[str, float]:
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
        response = _checked(self._http.post(self._token_endpoint(options), data=form, **options))
        token, lifetime = read_grant(json_object(response))
        return token, asked_at + lifetime

    def _token_endpoint(self, options: Mapping[str, Any]) -> str:
        now, (read_at, endpoint) = self._clock(), self._endpoint
        if now - read_at > _METADATA_SECONDS:
            url = f"{self._issuer}.well-known/oauth-authorization-server"
            metadata = json_object(_checked(self._http.get(url, **options)))
            endpoint = endpoint_of(metadata, self._issuer, "token_endpoint")
            self._endpoint = now, endpoint
        return endpoint


def _checked(response: httpx.Response) -> httpx.Response:
    """Raises TokenUnavailable unless all is well: a _Trouble when it may be so the next moment."""
    if response.status_code != httpx.codes.OK:
        kind = _ServerError if response.is_server_error else TokenUnavailable
        raise kind(f"maskinporten: status {response.status_code}")
    return response
