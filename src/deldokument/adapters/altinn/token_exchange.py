"""Altinn's own access tokens, exchanged for Maskinporten's, for an Altinn that requires them.

Guarantees:
- A token has more than ten seconds left; otherwise the call raises TokenUnavailable.

The token's expiry time decides only when the next token is fetched. Altinn verifies the token.

Source: Altinn Authentication, ``exchange/maskinporten``.
"""

import json
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
from joserfc import jws
from joserfc.errors import JoseError

from deldokument.adapters.http.token_cache import MARGIN_SECONDS, TokenCache, TokenUnavailable

PATH: Final = "/authentication/api/v1/exchange/maskinporten"


class AltinnTokens(TokenCache):
    """Altinn tokens from ``base_url``, exchanged for those of ``maskinporten``, by scope. ``clock`` is Unix time."""

    def __init__(
        self,
        base_url: str,
        maskinporten: Callable[[str], str],
        http: httpx.Client,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(self._fetch_token, clock)
        self._url = base_url.rstrip("/") + PATH
        self._maskinporten = maskinporten
        self._http = http

    def _fetch_token(self, scope: str) -> tuple[str, float]:
        try:
            return self._exchange(scope)
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            raise TokenUnavailable(f"exchange at altinn: {type(error).__name__}") from error

    def _exchange(self, scope: str) -> tuple[str, float]:
        headers = {"Authorization": f"Bearer {self._maskinporten(scope)}", "Accept": "text/plain, application/json"}
        response = self._http.get(self._url, headers=headers)
        if response.status_code != httpx.codes.OK:
            raise TokenUnavailable(f"exchange at altinn: status {response.status_code}")
        # Altinn sends a JWT as text, with or without the quotes of a JSON string.
        token = response.text.strip().strip('"')
        ends = _end_of(token)
        if ends - MARGIN_SECONDS <= self._clock():
            raise TokenUnavailable("exchange at altinn: a token that has ended")
        return token, ends


def _end_of(token: str) -> int:
    """Return the expiry time in a token (Unix time).

    Raises: JoseError, ValueError, KeyError or TypeError for a malformed token.
    """
    claims: dict[str, Any] = json.loads(jws.extract_compact(token.encode("ascii")).payload or b"")
    if type(claims["exp"]) is not int:
        raise ValueError("exp")
    return claims["exp"]
