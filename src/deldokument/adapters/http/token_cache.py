"""Access token cache, by scope.

Guarantees:
- A returned token is valid for more than ten seconds.
- One thread fetches while the others wait for it, because issuers limit the rate of a client.
- If the fetch fails, the waiting threads fail too. They do not retry one after the other.

Knows no issuer.
"""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from deldokument.domain.errors import Unavailable

MARGIN_SECONDS: Final = 10.0


class TokenUnavailable(Unavailable):
    """No token: the issuer did not respond, or did not grant the scope."""

    def __init__(self, detail: str) -> None:
        super().__init__("rights_unavailable", detail=detail)


class TokenCache:
    """A cache of the tokens that ``fetch`` returns, by scope. ``clock`` is Unix time in seconds."""

    def __init__(self, fetch: Callable[[str], tuple[str, float]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._failures: Counter[str] = Counter()

    def token(self, scope: str) -> str:
        """Return a token for ``scope``.

        Raises: TokenUnavailable, as ``fetch`` does.
        """
        before = self._failures[scope]
        with self._lock:
            token, ends = self._tokens.get(scope, ("", 0.0))
            if ends - MARGIN_SECONDS > self._clock():
                return token
            if self._failures[scope] != before:
                raise TokenUnavailable("asked for a moment ago, in vain")
            try:
                token, ends = self._tokens[scope] = self._fetch(scope)
            except TokenUnavailable:
                self._failures[scope] += 1
                raise
            return token
