"""Health on the management listener: cheap to ask, true when the process is busy, and silent about causes."""

import asyncio
import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from anyio.to_thread import current_default_thread_limiter
from starlette.responses import PlainTextResponse, Response

from deldokument.ports.keyring import Keyring
from deldokument.services.encryption import DIRECTORY
from deldokument.web.http.request import Endpoint, RequestContext, RequiredRole
from deldokument.web.management import LIVE, READINESS_LIFETIME, READY, create_management
from deldokument.web.metrics import PATH as METRICS
from tests.support.browser import Web, serve, stage_in_memory
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.stage import Stage

TOKEN = "a token of the monitoring"
CALLERS, READS = 50, 10_000


@dataclass
class AskedKeyring:
    """The stage's keyring, as far as readiness asks it, and how often it did."""

    inner: Keyring
    count: int = 0

    def get(self, ids: Collection[str]) -> Mapping[str, bytes]:
        self.count += 1
        return self.inner.get(ids)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_in_memory() as new:
        yield new


def managed(stage: Stage) -> Web:
    """The management application over a stage."""
    return Web(stage, create_management(stage.deps, TOKEN), session_cookie="")


def ask_together(web: Web, path: str, times: int) -> set[int]:
    browser = web.browser()

    async def ask() -> set[int]:
        return {answer.status_code for answer in await asyncio.gather(*(browser.http.get(path) for _ in range(times)))}

    return web.runner.run(ask())


def test_readiness_asks_database_and_keyring_at_most_once_a_second_for_all_callers(stage: Stage) -> None:
    database, keyring = FaultyDatabase(stage.deps.database, reads=READS), AskedKeyring(stage.deps.keyring)
    web = managed(replace(stage, deps=replace(stage.deps, database=database, keyring=keyring)))
    began = time.monotonic()
    while time.monotonic() - began < 2.5 * READINESS_LIFETIME.total_seconds():
        assert ask_together(web, READY, CALLERS) == {200}
    most = 1 + int((time.monotonic() - began) / READINESS_LIFETIME.total_seconds())
    web.close()
    assert database.reads is not None
    assert 2 <= READS - database.reads <= most
    assert keyring.count == READS - database.reads


def test_a_process_that_is_not_ready_is_asked_no_more_often_and_does_not_say_why(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    web = managed(replace(stage, deps=replace(stage.deps, database=FaultyDatabase(stage.deps.database, reads=0))))
    with caplog.at_level(logging.WARNING, "deldokument.web"):
        assert ask_together(web, READY, CALLERS) == {503}
    assert web.browser().get(READY).text == "not ready"
    web.close()
    assert len([record for record in caplog.records if "not ready: " in record.message]) == 1


def test_a_process_with_an_untrusted_clock_is_not_ready(stage: Stage) -> None:
    stage.clock.off = stage.deps.config.max_skew + timedelta(seconds=1)
    web = managed(stage)
    assert web.browser().get(READY).status_code == 503
    web.close()


def test_a_node_with_the_keyring_of_another_deployment_is_not_ready(stage: Stage) -> None:
    keyring = stage.deps.keyring
    for change in (lambda: keyring.destroy([DIRECTORY]), lambda: keyring.create(DIRECTORY)):
        change()
        web = managed(stage)
        assert web.browser().get(READY).status_code == 503
        web.close()


@pytest.mark.parametrize("path", [LIVE, READY, METRICS])
def test_a_process_with_all_threads_busy_is_not_taken_for_dead(stage: Stage, path: str) -> None:
    over = threading.Event()

    def slow(_call: RequestContext) -> Response:
        assert over.wait(60)
        return PlainTextResponse("at last")

    public, management = serve(stage, [Endpoint("/treg", slow, RequiredRole.ANYONE)]), managed(stage)
    people, health = public.browser(), management.browser()

    async def ask() -> int:
        threads = current_default_thread_limiter()
        pages = [asyncio.create_task(people.http.get("/treg")) for _ in range(int(threads.total_tokens) + 1)]
        try:
            async with asyncio.timeout(30):
                while threads.available_tokens:
                    await asyncio.sleep(0.01)
                return (await health.http.get(path, headers={"Authorization": f"Bearer {TOKEN}"})).status_code
        finally:
            over.set()
            assert {page.text for page in await asyncio.gather(*pages)} == {"at last"}

    assert public.runner.run(ask()) == 200
    for web in (public, management):
        web.close()


@pytest.mark.parametrize(
    "path",
    ["/", "/mine", "/kontakt", "/drift", "/static/icons/favicon.svg", f"{READY}/", f"{LIVE}%0A", f"{READY}%0A", "//"],
)
def test_nothing_but_health_and_metrics_is_on_the_management_listener(stage: Stage, path: str) -> None:
    web = managed(stage)
    answer = web.browser().get(f"https://del.example{path}")
    assert (answer.status_code, answer.text) == (404, "Not Found")
    assert "set-cookie" not in answer.headers
    web.close()


@pytest.mark.parametrize("path", [LIVE, READY])
def test_health_answers_are_neither_stored_nor_anything_but_text(stage: Stage, path: str) -> None:
    web = managed(stage)
    for method in ("GET", "HEAD"):
        answer = web.browser().request(method, path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert answer.headers["content-type"].startswith("text/plain")
    assert web.browser().request("POST", path).status_code == 405
    web.close()
