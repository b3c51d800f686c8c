"""Access tokens that are kept until shortly before their end, by scope.

Promises a token with more than ten seconds left; that one thread fetches while the others wait for it, since those who
issue tokens limit the rate of a client; and that those who have waited share a failure instead of waiting out the time
limits again, one after the other. Knows no issuer.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Final

from deldokument.domain.errors import Unavailable

MARGIN_SECONDS: Final = 10.0


class TokenUnavailable(Unavailable):
    """There is no token: whoever issues it does not answer, or does not grant the scope."""

    def __init__(self, detail: str) -> None:
        super().__init__("rights_unavailable", detail=detail)


class TokenCache:
    """Keeps what ``fetch`` gives for a scope: a token, and when it ends by ``clock`` (Unix time in seconds)."""

    def __init__(self, fetch: Callable[[str], tuple[str, float]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {}
        self._failures: Counter[str] = Counter()

    def token(self, scope: str) -> str:
        """A token for ``scope``. Raises TokenUnavailable, as ``fetch`` does."""
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
