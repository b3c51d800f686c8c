"""A row changed in the database: never a 500, shown as damaged to those who share, and told to the operator."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Unavailable
from deldokument.web.app import create_app
from deldokument.web.management import create_management
from deldokument.web.metrics import PATH
from tests.support.browser import Web, site, stage_in_memory
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.stage import KARI, OLA, Stage
from tests.support.stored_data import do_as_owner

TOKEN = "a token of the monitoring"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with stage_in_memory() as new:
        yield new


@pytest.fixture
def web(stage: Stage) -> Iterator[Web]:
    opened = Web(stage, create_app(stage.deps, site()), "__Host-deldokument")
    yield opened
    opened.close()


def count(stage: Stage) -> str:
    managed = Web(stage, create_management(stage.deps, TOKEN), session_cookie="")
    text = managed.browser().get(PATH, headers={"Authorization": f"Bearer {TOKEN}"}).text
    managed.close()
    [line] = [line for line in text.splitlines() if line.startswith("deldokument_damaged_rows_total ")]
    return line.split()[1]


def alarms(stage: Stage) -> int:
    return [event.kind for _, event in stage.trail()].count(EventKind.ROW_DAMAGED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("expires_at = expires_at + 1", "Skadet"),
        ("sealed_audit_texts = sealed_share_texts", "Skadet"),
        ("card = reference_hash", "Skadet"),
    ],
)
def test_a_damaged_share_is_shown_as_such_and_opens_nowhere(web: Web, stage: Stage, changes: str, words: str) -> None:
    good, torn = stage.publish(OLA, title="Hel"), stage.publish(OLA, title="Revet", message="Hei")
    document = stage.document_ids(torn)[0]
    do_as_owner(stage.database_url, f"UPDATE share SET {changes} WHERE id = '{torn}'")
    kari, ola = web.browser(KARI), web.browser(OLA)
    listed = kari.get("/delinger")
    assert listed.status_code == 200
    assert words in listed.text
    assert good in listed.text
    assert torn not in listed.text
    for page in (f"/delinger/{torn}", f"/del?utkast={torn}"):
        assert kari.get(page).status_code == 404, page
    assert ola.get(f"/d/{torn}").status_code == 404
    assert ola.get("/mine").status_code == 200
    if changes.startswith("sealed"):
        return
    for path in (f"/d/{torn}/dokument/{document}", f"/d/{torn}/alt.zip"):
        assert ola.get(path).status_code == 404, path
    assert ola.get(f"/d/{good}").status_code == 200
    assert (count(stage), alarms(stage)) == ("1.0", 1)


def test_a_request_is_answered_when_damage_cannot_be_recorded_yet(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    share_id = stage.publish(OLA)
    do_as_owner(stage.database_url, f"UPDATE share SET card = reference_hash WHERE id = '{share_id}'")
    faulty = FaultyDatabase(stage.deps.database)
    web = Web(stage, create_app(replace(stage.deps, database=faulty), site()), "__Host-deldokument")
    ola = web.browser(OLA)
    # The denial is committed, but the alarm after it is not.
    faulty.before = [lambda: None, lambda: setattr(faulty, "fail", Unavailable("database"))]
    assert ola.get(f"/d/{share_id}").status_code == 404
    assert alarms(stage) == 0
    assert "damaged rows are recorded later" in caplog.text
    assert ola.get("/mine").status_code == 200
    assert alarms(stage) == 1
    web.close()
