"""Requests to the service, with retries.

    response ── 2xx ──────────────────────────────────────────> the response
       ├────── 401, once ── another token ────────────────────> again
       ├────── 429, 502, 503, 504, no response ── wait ───────> again, up to 7 attempts
       ├────── 409, first request still running ── wait ──────> again, likewise
       ├────── other 5xx ─────────────────────────────────────> Unreachable
       └────── other 4xx ─────────────────────────────────────> Refused

Guarantees:
- A retried request takes effect once: its method is idempotent, or it has an idempotency key.
- A wait ends at once when the client is stopped.
- Redirects are not followed, so a token is sent to no other host.
"""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, Self

import httpx

from deldokument.client.errors import FieldFault, Interrupted, Refused, Unreachable

TRIES: Final = 7
MAX_WAIT_SECONDS: Final = 60.0
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0, read=120.0)
_AGAIN: Final = frozenset({429, 502, 503, 504})


class Tokens(Protocol):
    """A source of access tokens."""

    def token(self) -> str:
        """Return a token that is valid for at least some seconds."""
        ...

    def forget(self, token: str) -> None:
        """Discard a token that the service has rejected."""
        ...


class RetryPolicy:
    """Retry with backoff. Stopping the client ends every wait."""

    def __init__(self, *, first_seconds: float = 1.0) -> None:
        self._first_seconds = first_seconds
        self._over = False
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End all waits; every later check and wait raises Interrupted."""
        self._over = True
        # In a thread: a signal handler interrupts the waiting thread, which may hold the event's lock.
        threading.Thread(target=self._stopped.set, daemon=True).start()

    def check(self) -> None:
        """Raise Interrupted if the client was stopped."""
        if self._over:
            raise Interrupted("stopped; repeat the same call to resume it")

    def wait(self, attempt: int, asked_for: float | None = None) -> None:
        """Wait after attempt number ``attempt``, counted from 0: exponential backoff with jitter.

        The wait is at least ``asked_for``, the service's Retry-After, and at most 60 seconds. Raises: Interrupted.
        """
        drawn = min(self._first_seconds * 2**attempt, MAX_WAIT_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        self.pause(min(max(drawn, asked_for or 0.0), MAX_WAIT_SECONDS))

    def pause(self, seconds: float) -> None:
        """Wait for ``seconds``. Raises: Interrupted."""
        self._stopped.wait(seconds)
        self.check()

    def attempts(self, send: Callable[[], httpx.Response], first: int = 0) -> Iterator[httpx.Response]:
        """Yield the responses to attempts, counted from ``first``, with a wait after each. Raises: Interrupted."""
        for attempt in range(first, first + TRIES):
            self.check()
            try:
                answer = send()
            except httpx.TransportError:
                self.wait(attempt)
            else:
                yield answer
                self.wait(attempt, retry_after(answer))


class HttpOwner:
    """Base of objects with an HTTP client, which they close. Also a context manager."""

    def __init__(self, http: httpx.Client | None) -> None:
        # Requests without TLS go only to localhost. A proxy could read them.
        self._http = http or httpx.Client(timeout=_TIMEOUT, follow_redirects=False, mounts={"http://": None})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class Transport:
    """Requests to the service's API under ``/api/v1``."""

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
        """Send a request; return the JSON object of a 2xx response, empty for 204.

        ``key`` is the idempotency key, which a POST needs to be retried safely.
        Raises: Refused, Unreachable or Interrupted.
        """
        answer = self._request_with_retries(method, path, body, query, {"Idempotency-Key": key} if key else {})
        if answer.status_code == 204:
            return {}
        found = _json_object(answer)
        if found is None or not answer.is_success:
            raise Unreachable(f"invalid response: status {answer.status_code} without the expected JSON")
        return found

    def download(self, path: str, media_type: str, query: Mapping[str, str | int]) -> bytes:
        """Return the bytes of a file of that media type. Raises: Refused, Unreachable or Interrupted."""
        answer = self._request_with_retries("GET", path, None, query, {"Accept": media_type})
        if answer.headers.get("content-type", "").partition(";")[0] != media_type:
            raise Unreachable(f"invalid response: not {media_type}")
        return answer.content

    def _request_with_retries(
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
                if not is_worth_another_try(answer):
                    check_answer(answer)
                    return answer
                last, asked_for = f"status {answer.status_code}", retry_after(answer)
            if attempt + 1 < TRIES:
                self._patience.wait(attempt, asked_for)
        raise Unreachable(f"the service does not answer: {last}")


def is_worth_another_try(answer: httpx.Response) -> bool:
    """Return whether the same request may succeed on a retry."""
    # 409 with this code: the first of two equal requests is still running.
    return answer.status_code in _AGAIN or (answer.status_code == 409 and code_of(answer) == "request_under_way")


def retry_after(answer: httpx.Response) -> float | None:
    """Return Retry-After in seconds; None if it is absent or not a number of seconds."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def code_of(answer: httpx.Response) -> str:
    """Return the stable code of a problem; empty if there is none."""
    return str((_json_object(answer) or {}).get("code", ""))


def check_answer(answer: httpx.Response) -> None:
    """Raise Refused for a 4xx response and Unreachable for a 5xx, which a retry may resolve."""
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
