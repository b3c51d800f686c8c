"""An account's quota against members who announce documents at the same instant, on every database."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.services.shares.drafts import drafts as shares_drafts
from tests.support.stage.accounts import set_rules
from tests.support.stage.stage import KARI, Stage, person, set_stage

WRITERS = 8


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    new = set_stage(tmp_path, database_url)
    yield new
    new.close()


def test_of_many_concurrent_announcements_only_those_within_the_quota_succeed(stage: Stage) -> None:
    set_rules(stage, stage.byggesak, quota=35)
    drafts = [stage.draft().id for _ in range(WRITERS)]
    ready = Barrier(WRITERS)

    def announce(share_id: str) -> str:
        ready.wait()
        try:
            shares_drafts.add_document(stage.deps, person(KARI), share_id, name="a", length=10, modified_at=None)
        except InvalidInput as error:
            return error.code
        return "taken"

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = sorted(pool.map(announce, drafts))
    assert answers == ["quota_exceeded"] * (WRITERS - 3) + ["taken"] * 3
    with stage.deps.database.read() as tx:
        assert tx.accounts.usage(stage.byggesak.id).stored_bytes == 30


def test_drafts_that_move_at_once_do_not_fill_an_account_beyond_its_quota(stage: Stage) -> None:
    drafts = [stage.draft().id for _ in range(WRITERS)]
    for share_id in drafts:
        shares_drafts.add_document(stage.deps, person(KARI), share_id, name="a", length=10, modified_at=None)
    set_rules(stage, stage.avtaler, quota=25)
    ready = Barrier(WRITERS)

    def move(share_id: str) -> str:
        ready.wait()
        try:
            shares_drafts.save_draft(stage.deps, person(KARI), share_id, stage.words(account_id=stage.avtaler.id))
        except InvalidInput as error:
            return error.code
        return "taken"

    with ThreadPoolExecutor(WRITERS) as pool:
        answers = sorted(pool.map(move, drafts))
    assert answers == ["quota_exceeded"] * (WRITERS - 2) + ["taken"] * 2
