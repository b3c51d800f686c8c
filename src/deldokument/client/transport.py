"""Requests to the service that are tried again when that may help.

    answer ── 2xx ─────────────────────────────────> the answer
       ├──── 401, once ── another token ───────────> again
       ├──── 429, 502, 503, 504, no answer ── wait ─> again, at most so often
       ├──── 500, 507 and the like ────────────────> Unreachable
       └──── everything else ──────────────────────> Refused

Promises that whatever is tried again has the same effect as once (methods that are so by themselves, and POST with an
idempotency key), that a wait ends at once when the client is stopped, and that redirects are not followed, so that a
token goes nowhere else.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol

import httpx

from deldokument.client.errors import FieldFault, Interrupted, Refused, Unreachable

TRIES: Final = 7
MAX_WAIT_SECONDS: Final = 60.0
_AGAIN: Final = frozenset({429, 502, 503, 504})


class Tokens(Protocol):
    """Where access tokens come from."""

    def token(self) -> str:
        """A token that is good for some seconds at least."""
        ...

    def forget(self, token: str) -> None:
        """The service did not take it."""
        ...


class RetryPolicy:
    """How long to wait for the next try, and that nobody waits any more when the client is stopped."""

    def __init__(self, *, first_seconds: float = 1.0) -> None:
        self._first_seconds = first_seconds
        self._over = False
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Whoever waits, and whoever asks, is told that it is over."""
        self._over = True
        # In a thread: a signal handler runs in whatever thread waits, which may hold what the event needs.
        threading.Thread(target=self._stopped.set, daemon=True).start()

    def check(self) -> None:
        """Raises Interrupted when it is over."""
        if self._over:
            raise Interrupted("stopped; the same call goes on from here")

    def wait(self, attempt: int, asked_for: float | None = None) -> None:
        """Before try number ``attempt`` + 1: as long as the service asked for, or twice as long each time."""
        drawn = min(self._first_seconds * 2**attempt, MAX_WAIT_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self.pause(min(max(drawn, asked_for or 0.0), MAX_WAIT_SECONDS))

    def pause(self, seconds: float) -> None:
        """Let time pass. Raises Interrupted."""
        self._stopped.wait(seconds)
        self.check()


class Transport:
    """The service's addresses under ``/api/v1``."""

    def __init__(self, url: str, tokens: Tokens, http: httpx.Client, patience: RetryPolicy) -> None:
        self._base = f"{url}/api/v1"
        self._tokens = tokens
        self._http = http
        self._patience = patience

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        key: str | None = None,
    ) -> dict[str, Any]:
        """The JSON object of a 2xx, empty for none. Raises Refused, Unreachable or Interrupted."""
        answer = self._tried(method, path, body, query, {"Idempotency-Key": key} if key else {})
        if answer.status_code == 204:
            return {}
        found = _json_object(answer)
        if found is None or not answer.is_success:
            raise Unreachable(f"not understood: status {answer.status_code} without the JSON that belongs to it")
        return found

    def _tried(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        headers: dict[str, str],
    ) -> httpx.Response:
        last = "no answer"
        refused_token = False
        for attempt in range(TRIES):
            self._patience.check()
            asked_for = None
            token = self._tokens.token()
            try:
                answer = self._http.request(
                    method,
                    self._base + path,
                    json=body,
                    params=query,
                    headers=headers | {"Authorization": f"Bearer {token}"},
                )
            except httpx.TransportError as error:
                last = f"no answer ({type(error).__name__})"
            else:
                if answer.status_code == 401 and not refused_token:
                    refused_token = True
                    self._tokens.forget(token)
                    continue
                if not _is_worth_another_try(answer):
                    _check(answer)
                    return answer
                last, asked_for = f"status {answer.status_code}", retry_after(answer)
            if attempt + 1 < TRIES:
                self._patience.wait(attempt, asked_for)
        raise Unreachable(f"the service does not answer: {last}")


def _is_worth_another_try(answer: httpx.Response) -> bool:
    # 409 with this code: the first of two equal requests is still running.
    return answer.status_code in _AGAIN or (answer.status_code == 409 and code_of(answer) == "request_under_way")


def retry_after(answer: httpx.Response) -> float | None:
    """The seconds that an answer asks to wait for, if it does so in seconds."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def code_of(answer: httpx.Response) -> str:
    """The stable code of a problem; empty when there is none."""
    return str((_json_object(answer) or {}).get("code", ""))


def _check(answer: httpx.Response) -> None:
    """Raises Refused for a 4xx, Unreachable for a 5xx: the service has failed, and may not the next time."""
    if answer.status_code < 400:
        return
    problem = _json_object(answer) or {}
    listed = problem.get("errors")
    faults = [
        FieldFault(str(f.get("field", "")), str(f.get("code", "")), str(f.get("message", "")))
        for f in (listed if isinstance(listed, list) else [])
        if isinstance(f, dict)
    ]
    words = str(problem.get("detail") or problem.get("title") or f"status {answer.status_code}")
    if answer.status_code >= 500:
        raise Unreachable(f"the service has failed: {words}")
    raise Refused(answer.status_code, str(problem.get("code", "")), words, faults)


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
