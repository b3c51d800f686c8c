"""What the service has promised its clients, and what it has answered: kept by the clients, compared afterwards."""

import threading
from collections import Counter
from dataclasses import dataclass, field

import httpx

_SILENT = frozenset({502, 503, 504})
_STORAGE_FULL = 507
_LATER = ("Prøv igjen", "Try again")


class Unanswered(Exception):
    """No answer, or an answer that says to try again later."""


@dataclass
class Promise:
    """A document on its way to Ola, and how far the service says that it has come."""

    share_id: str
    document_id: str
    length: int
    digest: str
    acknowledged: int = 0
    published: bool = False
    withdrawn: bool = False

    @property
    def path(self) -> str:
        """Where its bytes are."""
        return f"/d/{self.share_id}/dokument/{self.document_id}"


@dataclass
class Ledger:
    """Of all clients of a load. ``untrue`` has false answers, ``lost`` what was taken back."""

    promises: list[Promise] = field(default_factory=list)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    untrue: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    resumed: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def promise(self, new: Promise) -> Promise:
        """A document has been announced."""
        with self._lock:
            self.promises.append(new)
        return new

    def acknowledge(self, promise: Promise, offset: int, *, by: str) -> int:
        """The service says that it has so much. What it has said before stands."""
        with self._lock:
            if offset < promise.acknowledged:
                self.lost.append(f"{by}: {promise.acknowledged} bytes were acknowledged, now {offset}")
            promise.acknowledged = max(promise.acknowledged, offset)
        return offset

    def resume(self, what: str) -> None:
        """A client goes on where it was broken off."""
        with self._lock:
            self.resumed[what] += 1

    def answered(self, what: str, answer: httpx.Response, expected: set[int]) -> httpx.Response:
        """Note an answer. Raises: Unanswered if the request may be tried again.

        Allowed are ``expected`` and an honest «not now»: 503, 507, and the proxy's 502 and 504. Each must say that
        one may try again.
        """
        status = answer.status_code
        self.note(what, str(status))
        if status in expected:
            return answer
        if status in _SILENT or status == _STORAGE_FULL:
            if answer.request.method != "HEAD" and not any(words in answer.text for words in _LATER):
                self.say_untrue(f"{what}: {status} without a word of trying again: {answer.text[:300]!r}")
            raise Unanswered
        self.say_untrue(f"{what}: {status} {answer.text[:300]!r}")
        raise Unanswered

    def note(self, what: str, result: str) -> None:
        """Count what a client saw."""
        with self._lock:
            self.answers[what, result] += 1

    def say_untrue(self, text: str) -> None:
        """A client got a false answer."""
        with self._lock:
            self.untrue.append(text)
