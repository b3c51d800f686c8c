"""The database goes away in the midst of a page: what is said is 503 and what to do, never that we made a mistake.

One that hangs takes every thread; whoever watches over the process must still learn that it lives.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from anyio.to_thread import current_default_thread_limiter
from support.browser import Browser, Web, serve, stage_in_memory
from support.trouble import SilentClock, TroubledDatabase
from support.world import KARI, OLA

from deldokument.domain.errors import Unavailable
from deldokument.services.repositories import Database, Transaction
from deldokument.services.vault import DIRECTORY
from deldokument.web.calls import Endpoint, Who
from deldokument.web.pages.general import live


@dataclass
class Losing:
    """Kari before a service whose database a test takes away."""

    kari: Browser
    database: TroubledDatabase
    clock: SilentClock

    def lose(self, after: int) -> None:
        self.database.reads, self.clock.silent = after, True


@pytest.fixture
def losing() -> Iterator[Losing]:
    with stage_in_memory() as stage:
        database, clock = TroubledDatabase(stage.world.database), SilentClock(stage.world.clock.now())
        web: Web = serve(replace(stage, world=replace(stage.world, database=database, clock=clock)))
        yield Losing(web.browser(KARI), database, clock)
        web.close()


@pytest.mark.parametrize("reads", range(4))
def test_a_page_says_that_it_can_not_be_had_now_wherever_the_database_is_lost(losing: Losing, reads: int) -> None:
    losing.lose(reads)
    answer = losing.kari.get("/delinger")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "Prøv igjen" in answer.text


def test_what_is_not_there_is_not_there_without_a_database_either(losing: Losing) -> None:
    losing.lose(0)
    assert losing.kari.get("/finnes-ikke").status_code == 404


def test_the_receipt_of_what_was_sent_is_written_when_the_database_is_back() -> None:
    with stage_in_memory() as stage:
        share_id = stage.publish(OLA)
        [document_id] = stage.document_ids(share_id)
        database = TroubledDatabase(stage.world.database)
        web = serve(replace(stage, world=replace(stage.world, database=database)))
        ola = web.browser(OLA)
        database.fail = Unavailable("database")
        assert ola.get(f"/d/{share_id}/dokument/{document_id}").content == b"innhold"
        assert database.fail is None
        with stage.world.database.read() as tx:
            assert [receipt.document_id for receipt in tx.shares.receipts([share_id])] == [document_id]
        web.close()


@dataclass
class HungDatabase:
    """The database of the stage, which answers nobody until it is told to."""

    database: Database
    answers: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        assert self.answers.wait(60)
        with self.database.read() as tx:
            yield tx

    def write(self) -> AbstractContextManager[Transaction]:
        return self.database.write()


async def _live_while_all_wait(kari: Browser, database: HungDatabase) -> httpx.Response:
    threads = current_default_thread_limiter()
    pages = [asyncio.create_task(kari.http.get("/")) for _ in range(int(threads.total_tokens) + 1)]
    try:
        async with asyncio.timeout(30):
            while threads.available_tokens:
                await asyncio.sleep(0.01)
            return await kari.http.get("/helse/live")
    finally:
        database.answers.set()
        assert {page.status_code for page in await asyncio.gather(*pages)} == {200}


def test_a_process_whose_threads_all_wait_for_the_database_is_not_taken_for_dead() -> None:
    with stage_in_memory() as stage:
        database = HungDatabase(stage.world.database)
        web = serve(replace(stage, world=replace(stage.world, database=database)))
        database.answers.set()
        kari = web.browser(KARI)
        database.answers.clear()
        assert web.runner.run(_live_while_all_wait(kari, database)).text == "ok"
        web.close()


@pytest.mark.parametrize("guard", [{"who": Who.PERSON}, {"who": Who.ANYONE, "methods": ("POST",)}])
def test_no_route_that_guards_anything_is_answered_at_once(guard: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at once"):
        Endpoint("/x", live, at_once=True, **guard)


def test_a_node_whose_keyring_is_not_the_deployments_any_more_is_not_ready(web: Web) -> None:
    nobody, keyring = web.browser(), web.stage.world.keyring
    assert nobody.get("/helse/klar").status_code == 200
    keyring.destroy([DIRECTORY])
    assert nobody.get("/helse/klar").status_code == 503
    keyring.create(DIRECTORY)
    assert nobody.get("/helse/klar").status_code == 503
