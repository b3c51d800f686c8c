"""Tokens on the shelf: fetched by one for all, and failures shared by those who waited."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import pytest

from deldokument.adapters.http.token_cache import TokenCache, TokenUnavailable

WAITERS = 8


class Queue:
    """The shelf's lock, which counts those who have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._come = threading.Condition()
        self.count = 0

    def __enter__(self) -> None:
        with self._come:
            self.count += 1
            self._come.notify_all()
        self._lock.acquire()

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._lock.release()

    def wait_for(self, number: int) -> None:
        with self._come:
            assert self._come.wait_for(lambda: self.count >= number, 30)


def shelf_of(answer: Callable[[str], tuple[str, float]], scopes: list[str]) -> tuple[TokenCache, list[str]]:
    """A shelf whose first question is answered when all of ``scopes`` are being asked for; and what it asks for."""
    queue, asked = Queue(), []

    def fetch(scope: str) -> tuple[str, float]:
        queue.wait_for(len(scopes))
        asked.append(scope)
        return answer(scope)

    shelf: Any = TokenCache(fetch, lambda: 1000.0)
    shelf._lock = queue
    return shelf, asked


def outcomes(shelf: TokenCache, scopes: list[str]) -> list[str]:
    def ask(scope: str) -> str:
        try:
            return shelf.token(scope)
        except TokenUnavailable:
            return "none"

    with ThreadPoolExecutor(len(scopes)) as pool:
        return list(pool.map(ask, scopes))


def test_one_fetches_and_the_others_wait_for_it() -> None:
    scopes = ["a"] * WAITERS
    shelf, asked = shelf_of(lambda _: ("token", 2000.0), scopes)
    assert outcomes(shelf, scopes) == ["token"] * WAITERS
    assert asked == ["a"]


def refuse(_: str) -> tuple[str, float]:
    raise TokenUnavailable("silent")


def test_a_failure_is_shared_by_those_who_waited_so_that_none_waits_it_out_again() -> None:
    scopes = ["a"] * WAITERS
    shelf, asked = shelf_of(refuse, scopes)
    assert outcomes(shelf, scopes) == ["none"] * WAITERS
    assert asked == ["a"]


def test_a_caller_after_a_failure_asks_again() -> None:
    shelf, asked = shelf_of(refuse, ["a"])
    assert outcomes(shelf, ["a"]) == outcomes(shelf, ["a"]) == ["none"]
    assert asked == ["a", "a"]


def test_a_failure_for_one_scope_is_none_for_another() -> None:
    scopes = ["refused", "granted"]
    shelf, asked = shelf_of(lambda scope: refuse(scope) if scope == "refused" else ("token", 2000.0), scopes)
    assert outcomes(shelf, scopes) == ["none", "token"]
    assert sorted(asked) == sorted(scopes)


@pytest.mark.parametrize(("ends", "kept"), [(1010.1, True), (1010.0, False), (0.0, False)])
def test_a_token_is_kept_while_more_than_ten_seconds_are_left(ends: float, kept: bool) -> None:
    asked = []

    def fetch(scope: str) -> tuple[str, float]:
        asked.append(scope)
        return "token", ends

    shelf = TokenCache(fetch, lambda: 1000.0)
    assert shelf.token("a") == shelf.token("a") == "token"
    assert len(asked) == (1 if kept else 2)
