"""Anybody may ask to log in, and ID-porten may be slow: those who are logged in notice nothing of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from anyio.to_thread import current_default_thread_limiter

from deldokument.domain.errors import NotReady
from deldokument.ports.login import Identity, LoginRequest
from deldokument.web.http.limits.slots import AT_ONCE, LogThrottle, Slots, SlotsTaken
from deldokument.web.pages.login import ENDPOINTS
from tests.support.browser import ORIGIN, Browser, Web, serve, stage_in_memory
from tests.support.deployment.deployment import wait_until
from tests.support.stage.stage import OLA, FakeLogin

CONNECTIONS = 250
OWN_THREADS = {endpoint.path: endpoint.own_threads for endpoint in ENDPOINTS}
LINK = "/d/AAAAAAAAAAAAAAAAAAAAAA"


@dataclass
class SlowLogin(FakeLogin):
    """ID-porten, which answers nobody until the test lets it."""

    answers: threading.Event = field(default_factory=threading.Event)
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def begin(self, locale: str, *, fresh: bool = False, nonce: str = "", on_behalf_of: str = "") -> LoginRequest:
        self._wait()
        return FakeLogin.begin(self, locale, fresh=fresh, nonce=nonce, on_behalf_of=on_behalf_of)

    def complete(self, params: Mapping[str, str], request: LoginRequest) -> Identity:
        self._wait()
        return FakeLogin.complete(self, params, request)

    def framing_origins(self) -> tuple[str, ...]:
        self._wait()
        return FakeLogin.framing_origins(self)

    @contextmanager
    def ended_session(self, logout_token: str) -> Iterator[str]:
        self._wait()
        with FakeLogin.ended_session(self, logout_token) as ended:
            yield ended

    def _wait(self) -> None:
        self.asked.release()
        assert self.answers.wait(60)


@dataclass
class Slow:
    """Ola, logged in, before a service whose ID-porten has become slow; and a stranger."""

    ola: Browser
    stranger: Browser
    login: SlowLogin
    web: Web

    def meanwhile(self, asked: list[Awaitable[httpx.Response]], waiting: int) -> Meanwhile:
        """Ask all of it at once; when so many wait for ID-porten, ask for Ola's page; then let ID-porten answer."""
        return self.web.runner.run(self._meanwhile(asked, waiting))

    async def _meanwhile(self, asked: list[Awaitable[httpx.Response]], waiting: int) -> Meanwhile:
        self.login.answers.clear()
        tasks = [asyncio.ensure_future(one) for one in asked]
        try:
            async with asyncio.timeout(30):
                for _ in range(waiting):
                    await asyncio.to_thread(self.login.asked.acquire)
                while sum(task.done() for task in tasks) < len(tasks) - waiting:
                    await asyncio.sleep(0.01)
                refused = [task.result() for task in tasks if task.done()]
                shared = current_default_thread_limiter().available_tokens
                mine = await self.ola.http.get("/mine")
        finally:
            self.login.answers.set()
        answers = await asyncio.gather(*tasks)
        return Meanwhile(mine, refused, [one for one in answers if one not in refused], int(shared))


@dataclass
class Meanwhile:
    """The answers to Ola, to the refused and to those who waited; and how many shared threads were free."""

    mine: httpx.Response
    refused: list[httpx.Response]
    waited: list[httpx.Response]
    free_threads: int


@pytest.fixture
def slow() -> Iterator[Slow]:
    with stage_in_memory() as stage:
        login = SlowLogin()
        login.answers.set()
        web = serve(replace(stage, deps=replace(stage.deps, login=login), login=login))
        ola, stranger = web.browser(OLA), web.browser()
        while login.asked.acquire(blocking=False):
            pass
        yield Slow(ola, stranger, login, web)
        web.close()


def _calls(browser: Browser, path: str, count: int, **options: Any) -> list[Awaitable[httpx.Response]]:
    method = "POST" if "data" in options else "GET"
    return [browser.http.request(method, path, **options) for _ in range(count)]


def test_a_recipient_is_answered_while_250_strangers_ask_to_log_in_and_idporten_is_silent(slow: Slow) -> None:
    slots = OWN_THREADS["/logg-inn"]
    done = slow.meanwhile(_calls(slow.stranger, f"/logg-inn?neste={LINK}", CONNECTIONS), slots)
    assert done.mine.status_code == 200
    assert done.free_threads >= 39
    assert [answer.status_code for answer in done.waited] == [303] * slots
    assert len(done.refused) == CONNECTIONS - slots


def test_a_login_without_a_free_thread_is_refused_at_once_and_keeps_the_link(slow: Slow) -> None:
    slots = OWN_THREADS["/logg-inn"]
    done = slow.meanwhile(_calls(slow.stranger, f"/logg-inn?neste={LINK}&for=310240001", slots + 1), slots)
    [refused] = done.refused
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "Svært mange logger inn akkurat nå" in refused.text
    assert f'href="/logg-inn?neste={LINK}&amp;for=310240001"' in refused.text
    assert "set-cookie" not in refused.headers


def test_answers_of_idporten_that_wait_for_it_delay_no_recipient_and_can_be_given_again(slow: Slow) -> None:
    slots = OWN_THREADS["/logg-inn/svar"]
    for _ in range(slots + 1):
        slow.stranger.begin_login(LINK)
    while slow.login.asked.acquire(blocking=False):
        pass
    last = slow.login.begun
    answers = [f"/logg-inn/svar?code=c&state=state-{number}" for number in range(last - slots, last + 1)]
    done = slow.meanwhile([slow.stranger.http.get(path) for path in answers], slots)
    assert done.mine.status_code == 200
    assert {answer.headers["location"] for answer in done.waited} == {LINK}
    [refused] = done.refused
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    again = refused.request.url.raw_path.decode()
    assert again.replace("&", "&amp;") in refused.text
    assert slow.stranger.get(again).headers["location"] == LINK


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/logg-ut/frontkanal?iss=https://login.example&sid=x", {}),
        ("/logg-ut/bakkanal", {"data": {"logout_token": "ended:sid-9"}}),
    ],
)
def test_logouts_that_wait_for_idporten_delay_no_recipient(slow: Slow, path: str, options: dict[str, Any]) -> None:
    slots = OWN_THREADS[path.partition("?")[0]]
    done = slow.meanwhile(_calls(slow.stranger, path, CONNECTIONS, **options), slots)
    assert done.mine.status_code == 200
    assert {answer.status_code for answer in done.waited} == {200}
    assert {answer.status_code for answer in done.refused} == {503}
    assert all(answer.headers["retry-after"] for answer in done.refused)


def test_a_flood_of_begun_logins_keeps_nobody_from_completing_one(slow: Slow) -> None:
    slow.stranger.begin_login(LINK)
    while slow.login.asked.acquire(blocking=False):
        pass
    begun, slots = slow.login.begun, OWN_THREADS["/logg-inn"]
    back = slow.stranger.http.get(f"/logg-inn/svar?code=c&state=state-{begun}")
    flood = _calls(slow.web.browser(), "/logg-inn", slots)
    done = slow.meanwhile([back, *flood], slots + 1)
    assert done.refused == []
    assert LINK in {answer.headers["location"] for answer in done.waited}


def test_every_route_that_asks_idporten_for_strangers_has_its_own_threads() -> None:
    paths = {"/logg-inn", "/logg-inn/svar", "/logg-ut/frontkanal", "/logg-ut/bakkanal"}
    assert {path for path, count in OWN_THREADS.items() if count} == paths


def test_over_the_limit_of_logins_under_way_nobody_asks_idporten_and_the_link_is_kept() -> None:
    with stage_in_memory() as stage:
        rules = replace(stage.deps.config, max_pending_logins=3)
        web = serve(replace(stage, deps=replace(stage.deps, config=rules)))
        strangers = [web.browser() for _ in range(4)]
        assert [one.begin_login(LINK).status_code for one in strangers] == [303, 303, 303, 503]
        refused = strangers[3].begin_login(LINK)
        assert refused.headers["retry-after"]
        assert f'href="/logg-inn?neste={LINK}"'.replace("/d/", "%2Fd%2F") in refused.text
        assert stage.login.begun == 3
        assert strangers[0].get("/logg-inn/svar?code=c&state=state-1").headers["location"] == LINK
        wait_until(lambda: strangers[3].begin_login(LINK).status_code == 303, 30, "the login did not recover")
        web.close()


def test_the_database_is_not_asked_for_each_login_that_is_over_the_limit() -> None:
    now, asked = [1000.0], []

    def begin(*, full: bool) -> str:
        asked.append(full)
        if full:
            raise NotReady("login_busy")
        return "begun"

    async def flood() -> str:
        slots = Slots(2, lambda: now[0])
        for _ in range(10):
            with pytest.raises(NotReady, match="login_busy"):
                await slots.run(begin, full=True)
        assert asked == [True]
        now[0] += 1
        return await slots.run(begin, full=False)

    assert asyncio.run(flood()) == "begun"


def test_refusals_are_immediate_until_they_are_a_flood() -> None:
    answers = threading.Event()

    async def flood() -> list[bool]:
        slots = Slots(1, lambda: 1000.0)
        busy = asyncio.ensure_future(slots.run(answers.wait, 60))
        await asyncio.sleep(0)
        many = [asyncio.ensure_future(slots.run(answers.wait, 60)) for _ in range(2 * AT_ONCE)]
        for _ in range(5):
            await asyncio.sleep(0)
        immediate = [task.done() for task in many]
        answers.set()
        assert await busy
        refusals = await asyncio.gather(*many, return_exceptions=True)
        assert {type(refusal) for refusal in refusals} == {SlotsTaken}
        return immediate

    assert asyncio.run(flood()) == [True] * AT_ONCE + [False] * AT_ONCE


def test_a_flood_of_refusals_is_one_line_of_the_log_in_a_minute() -> None:
    now = [1000.0]
    lines = LogThrottle(60.0, lambda: now[0])
    assert [lines.admits() for _ in range(3)] == [True, False, False]
    now[0] += 60
    assert [lines.admits() for _ in range(2)] == [True, False]


def test_the_page_of_a_refused_login_links_to_no_other_site(slow: Slow) -> None:
    slots = OWN_THREADS["/logg-inn"]
    done = slow.meanwhile(_calls(slow.stranger, "/logg-inn?neste=https://evil.example", slots + 1), slots)
    [refused] = done.refused
    assert 'href="https://evil' not in refused.text
    assert httpx.URL(ORIGIN).join(done.waited[0].headers["location"]).host == "login.example"
