"""The KS-compatible interface while the database is down."""

from dataclasses import replace

from deldokument.web.ks.app import PREFIX
from tests.ks.published import ERROR_MESSAGE
from tests.support.browser import serve, stage_in_memory
from tests.support.faults.faulty_ports import FaultyDatabase, SilentClock
from tests.support.stage.stage import KARI


def test_without_a_database_the_answer_is_an_error_message_that_says_when_to_come_back() -> None:
    with stage_in_memory() as stage:
        database, clock = FaultyDatabase(stage.deps.database), SilentClock(stage.deps.clock.now())
        web = serve(replace(stage, deps=replace(stage.deps, database=database, clock=clock)))
        kari = web.browser(KARI)
        assert kari.get(f"{PREFIX}/kontoer").status_code == 200
        database.reads, clock.silent = 0, True
        answer = kari.get(f"{PREFIX}/kontoer")
        assert answer.status_code == 503
        assert ERROR_MESSAGE.fits(answer.json())
        assert answer.json()["timestamp"] == 0
        assert answer.headers["retry-after"]
        web.close()
