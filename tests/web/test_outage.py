"""The database fails in the middle of a page: the response is a 503 with advice, never a 500."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from starlette.types import Receive, Scope, Send

from deldokument.domain.errors import Unavailable
from deldokument.web.http.dispatch import TRACE
from tests.support.browser import Browser, Web, serve, stage_in_memory
from tests.support.faults.faulty_ports import FaultyDatabase, SilentClock
from tests.support.stage.stage import KARI, OLA


@dataclass
class Losing:
    """Kari before a service whose database a test takes away."""

    kari: Browser
    database: FaultyDatabase
    clock: SilentClock

    def lose(self, after: int) -> None:
        self.database.reads, self.clock.silent = after, True


@pytest.fixture
def losing() -> Iterator[Losing]:
    with stage_in_memory() as stage:
        database, clock = FaultyDatabase(stage.deps.database), SilentClock(stage.deps.clock.now())
        web: Web = serve(replace(stage, deps=replace(stage.deps, database=database, clock=clock)))
        yield Losing(web.browser(KARI), database, clock)
        web.close()


@pytest.mark.parametrize("reads", range(4))
def test_a_page_says_that_it_can_not_be_had_now_wherever_the_database_is_lost(losing: Losing, reads: int) -> None:
    losing.lose(reads)
    answer = losing.kari.get("/delinger")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "Prøv igjen" in answer.text


def test_an_unknown_path_is_not_found_without_a_database_either(losing: Losing) -> None:
    losing.lose(0)
    assert losing.kari.get("/finnes-ikke").status_code == 404


def test_an_error_page_shows_the_number_of_its_trace() -> None:
    number = "0123456789abcdef0123456789abcdef"
    with stage_in_memory() as stage:
        database, clock = FaultyDatabase(stage.deps.database), SilentClock(stage.deps.clock.now())
        web = serve(replace(stage, deps=replace(stage.deps, database=database, clock=clock)))
        inner = web.app

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            await inner({**scope, TRACE: number}, receive, send)

        web.app = traced
        kari = web.browser(KARI)
        assert number not in kari.get("/finnes-ikke").text
        database.reads, clock.silent = 0, True
        assert f"nummeret {number}." in kari.get("/delinger").text
        web.close()


def test_the_receipt_of_a_download_is_written_when_the_database_is_back() -> None:
    with stage_in_memory() as stage:
        share_id = stage.publish(OLA)
        [document_id] = stage.document_ids(share_id)
        database = FaultyDatabase(stage.deps.database)
        web = serve(replace(stage, deps=replace(stage.deps, database=database)))
        ola = web.browser(OLA)
        database.fail = Unavailable("database")
        assert ola.get(f"/d/{share_id}/dokument/{document_id}").content == b"innhold"
        assert database.fail is None
        with stage.deps.database.read() as tx:
            assert [receipt.document_id for receipt in tx.receipts.of_shares([share_id])] == [document_id]
        web.close()
