"""Metrics in Prometheus' text format for callers with the token: correct, and without personal data."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deldokument import worker
from deldokument.services.audit.verification import record_verification
from deldokument.services.maintenance import retention
from deldokument.services.maintenance.lag import measure_lag
from deldokument.web.management import create_management
from deldokument.web.metrics import PATH, NodeState, as_text
from tests.support.browser import Web, stage_in_memory
from tests.support.faults.faulty_ports import FaultyDatabase
from tests.support.stage.stage import OLA, Stage

TOKEN = "a token of the monitoring"


@pytest.fixture
def web() -> Iterator[Web]:
    with stage_in_memory() as stage:
        managed = manage(stage, TOKEN)
        yield managed
        managed.close()


def manage(stage: Stage, token: str) -> Web:
    """The management application over a stage."""
    return Web(stage, create_management(stage.deps, token), session_cookie="")


def figures(text: str) -> dict[str, float]:
    """Each figure by its name and, if it has one, its queue."""
    return {
        ":".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def reported(web: Web) -> dict[str, float]:
    answer = web.browser().get(PATH, headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return figures(answer.text)


def test_an_idle_service_reports_that_nothing_waits(web: Web) -> None:
    retention.record_heartbeat(web.stage.deps)
    assert set(reported(web).values()) == {0.0}


def test_the_lag_is_as_long_as_the_oldest_share_that_is_over_has_had_its_key(web: Web) -> None:
    web.stage.publish(OLA)
    retention.record_heartbeat(web.stage.deps)
    web.stage.clock.advance(days=10, seconds=90)
    assert "deldokument_audit_verification_age_seconds" not in reported(web)
    record_verification(web.stage.deps, web.stage.deps.clock.now() - timedelta(hours=1))
    before = reported(web)
    assert before["deldokument_audit_verification_age_seconds"] == 3600
    assert before["deldokument_waiting:keys"] == 1
    assert before["deldokument_lag_seconds:keys"] == 90
    assert before["deldokument_heartbeat_age_seconds"] == timedelta(days=10, seconds=90).total_seconds()
    for reconcile in worker.ENDING:
        reconcile(web.stage.deps)
    after = reported(web)
    assert (after["deldokument_waiting:keys"], after["deldokument_lag_seconds:keys"]) == (0, 0)
    assert after["deldokument_waiting:blobs"] == 1
    retention.release_blobs(web.stage.deps)
    web.stage.clock.advance(seconds=40)
    left = reported(web)
    assert (left["deldokument_waiting:garbage"], left["deldokument_lag_seconds:garbage"]) == (1, 40)
    retention.delete_garbage(web.stage.deps)
    assert reported(web)["deldokument_lag_seconds:garbage"] == 0


def test_a_halt_is_reported(web: Web) -> None:
    retention.record_heartbeat(web.stage.deps)
    web.stage.clock.advance(days=1)
    retention.record_heartbeat(web.stage.deps)
    halts = reported(web)
    assert (halts["deldokument_destruction_halted:clock"], halts["deldokument_destruction_halted:ends"]) == (1, 0)


@pytest.mark.parametrize("given", ["", TOKEN, "Bearer", f"Bearer {TOKEN}x", "Bearer æ", f"bearer {TOKEN}"])
def test_without_the_token_there_is_nothing_to_be_found(web: Web, given: str) -> None:
    browser = web.browser()
    answer, unknown = browser.get(PATH, headers={"Authorization": given.encode()} if given else {}), browser.get("/x")
    assert answer.status_code == unknown.status_code == 404
    assert (answer.text, answer.headers) == (unknown.text, unknown.headers)


def test_an_empty_token_opens_nothing_where_the_operator_has_set_none() -> None:
    with stage_in_memory() as stage:
        managed = manage(stage, "")
        answer = managed.browser().get(PATH, headers={"Authorization": "Bearer "})
        managed.close()
    assert answer.status_code == 404


def test_without_a_database_there_are_no_figures_and_no_cause(web: Web) -> None:
    silent = replace(web.stage, deps=replace(web.stage.deps, database=FaultyDatabase(web.stage.deps.database, reads=0)))
    managed = manage(silent, TOKEN)
    answer = managed.browser().get(PATH, headers={"Authorization": f"Bearer {TOKEN}"})
    managed.close()
    assert (answer.status_code, answer.text) == (503, "failed")


@pytest.mark.parametrize(("up", "figure"), [(None, None), (True, 1), (False, 0)])
def test_a_scanner_is_up_or_down_where_there_is_one(web: Web, up: bool | None, figure: int | None) -> None:
    text = as_text(measure_lag(web.stage.deps), 0, NodeState(scanner_up=up)).decode()
    assert figures(text).get("deldokument_scanner_up") == figure


def test_figures_hold_no_identifier(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    web.stage.clock.advance(days=10)
    text = as_text(measure_lag(web.stage.deps)).decode()
    assert share_id not in text
    assert web.stage.tenant.id not in text
    assert set(re.findall(r'="([^"]*)"', text)) <= {
        "keys", "blobs", "garbage", "inspection", "notices", "email", "webhooks", "clock", "ends"
    }  # fmt: skip


def test_a_clock_that_is_set_back_gives_no_negative_wait(web: Web) -> None:
    web.stage.publish(OLA)
    web.stage.clock.advance(days=10)
    for reconcile in worker.ENDING:
        reconcile(web.stage.deps)
    web.stage.clock.advance(hours=-1)
    assert measure_lag(web.stage.deps).lags["blobs"] == timedelta()  # type: ignore[index]
