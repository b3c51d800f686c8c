"""A register that hangs: requests that wait for it get an error, and all others are unaffected."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from deldokument.adapters.http.client import MAX_CALLS, outbound_client
from deldokument.adapters.idporten.login import IdPorten
from tests.support.browser import ORIGIN, Browser, Web, serve, stage_in_memory
from tests.support.faults.hostile_provider import HostileProvider
from tests.support.faults.rsa_keys import rsa_key
from tests.support.faults.slow_peer import Held
from tests.support.stage.stage import KARI

LOGINS = 60
"""More than there are threads."""


@dataclass
class Hanging:
    """A service whose ID-porten holds every token back, and Kari, who was logged in before."""

    web: Web
    kari: Browser
    held: Held


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    held = Held()
    with stage_in_memory() as stage, HostileProvider() as provider, outbound_client() as http:
        before = serve(stage)
        session = before.browser(KARI).http.cookies
        key = rsa_key("client")
        login = IdPorten(provider.issuer, "client", key, f"{ORIGIN}/logg-inn/svar", f"{ORIGIN}/logget-ut", http)
        provider.answer = lambda handler: handler.path == "/token" and held(handler)
        web = serve(replace(stage, deps=replace(stage.deps, login=login)))
        kari = web.browser()
        kari.http.cookies = session
        yield Hanging(web, kari, held)
        held.let_go()
        web.close()
        before.close()


async def _log_in(browser: Browser) -> httpx.Response:
    begun = await browser.http.get("/logg-inn")
    if begun.status_code != 303:
        return begun
    [state] = parse_qs(urlsplit(begun.headers["location"]).query)["state"]
    return await browser.http.get("/logg-inn/svar", params={"code": "c", "state": state})


async def _crowded(hanging: Hanging) -> tuple[list[httpx.Response], list[httpx.Response]]:
    """Answers to those who were refused, and pages of Kari's, while as many logins as may be wait for ID-porten."""
    pending = {asyncio.create_task(_log_in(hanging.web.browser())) for _ in range(LOGINS)}
    refused = list[httpx.Response]()
    async with asyncio.timeout(60):
        while len(pending) > MAX_CALLS:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            refused += [task.result() for task in done]
        pages = [await hanging.kari.http.get(path) for path in ("/kontakt", "/mine")]
        assert not [task for task in pending if task.done()], "somebody got through"
        hanging.held.let_go()
        refused += await asyncio.gather(*pending)
    return refused, pages


def test_pages_come_while_a_crowd_logs_in_at_a_provider_that_hangs(hanging: Hanging) -> None:
    refused, pages = hanging.web.runner.run(_crowded(hanging))
    assert [page.status_code for page in pages] == [200, 200]
    assert len(refused) == LOGINS
    assert {answer.status_code for answer in refused} == {503}
    assert all("Prøv igjen" in answer.text and answer.headers["retry-after"] for answer in refused)
