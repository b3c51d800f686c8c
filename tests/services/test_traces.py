"""The worker's traces: one for each round that had something to do, with its calls in all threads."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deldokument.bootstrap.spans import MAX_SPANS, Tracing
from deldokument.domain.errors import Unavailable
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import integrations
from deldokument.services.notifications import webhooks
from deldokument.services.notifications.email_addresses import enter_address
from deldokument.worker import Loop, loops, run_loop
from tests.fakes.scanner import MemoryScanner
from tests.services.notifications.test_webhook_delivery import EVERYTHING, SYSTEM, URL
from tests.support.servers.collector import calls, collector, spans
from tests.support.stage.notices import configure_notices
from tests.support.stage.stage import FJELL, KARI, OLA, Stage, person


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a collector, which writes beside the test."""
    with collector(tmp_path / "traces") as url:
        yield url


def work(tracing: Tracing, deps: Dependencies, *names: str) -> None:
    """One round of each of these loops."""
    for loop in loops():
        if loop.name in names:
            tracing.rounds(loop).round(deps)


def test_a_round_is_traced_with_its_notices_letters_webhooks_and_scans(
    stage: Stage, address: str, tmp_path: Path
) -> None:
    configure_notices(stage)
    scanner = MemoryScanner(stage.clock.now())
    account = stage.byggesak
    integrations.add_integration(
        stage.deps, tenant_id=account.tenant_id, account_id=account.id, organization_number=FJELL
    )
    webhooks.add_webhook(stage.deps, SYSTEM, account_id=account.id, url=URL, events=EVERYTHING)
    tracing = Tracing(address)
    deps = tracing.calls(replace(stage.deps, scanner=scanner))
    draft = stage.draft().id
    stage.upload(draft, "vedtak.pdf", b"innhold")
    work(tracing, deps, "inspect")
    stage.publish(OLA)
    enter_address(stage.deps, person(KARI), "kari.lunde@eksempel.example")
    work(tracing, deps, "plan", "send altinn", "send email", "send webhook")
    tracing.close()
    called, send = calls(tmp_path / "traces"), "notifications.dispatch.send_message"
    assert called["inspect"] >= {
        (call, "inspection.documents.__call__") for call in ("scanner.scan", "blobs.read", "keyring.get")
    }
    assert ("notices.send", send) in called["send altinn"]
    assert ("mail.send", send) in called["send email"]
    assert ("webhook_calls.post", send) in called["send webhook"]


def test_a_round_with_nothing_to_do_is_not_sent_but_one_that_fails_is(
    stage: Stage, address: str, tmp_path: Path
) -> None:
    def fail(_: Dependencies) -> int:
        raise Unavailable("keyring")

    tracing = Tracing(address)
    work(tracing, tracing.calls(stage.deps), "inspect")
    with pytest.raises(Unavailable):
        tracing.rounds(Loop("broken", fail, 1.0)).round(stage.deps)
    tracing.close()
    [span] = spans(tmp_path / "traces")
    assert (span.name, span.status.message) == ("broken", "Unavailable")


def test_a_trace_has_a_limited_number_of_spans_and_the_calls_go_on(stage: Stage, address: str, tmp_path: Path) -> None:
    many = 2 * MAX_SPANS

    def read(deps: Dependencies) -> int:
        return sum(len(deps.keyring.ids("share:")) == 0 for _ in range(many))

    tracing = Tracing(address)
    assert tracing.rounds(Loop("read", read, 1.0)).round(tracing.calls(stage.deps)) == many
    tracing.close()
    assert len(spans(tmp_path / "traces")) == MAX_SPANS


def test_the_log_line_of_a_round_that_fails_has_the_id_of_its_trace(
    stage: Stage, address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()

    def fail(_: Dependencies) -> int:
        stop.set()
        raise Unavailable("keyring")

    tracing = Tracing(address)
    run_loop(Loop("broken", fail, 0.0), tracing.calls(stage.deps), stop, tracing.rounds)
    tracing.close()
    [span] = spans(tmp_path / "traces")
    [line] = [record for record in caplog.records if record.name == "deldokument.worker"]
    assert vars(line)["trace"] == span.trace_id.hex()
