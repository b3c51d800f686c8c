"""Calls to webhooks, and the disabling of webhooks that do not answer."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from deldokument import worker
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.messages.outbox import MAX_PAUSE, Channel
from deldokument.domain.messages.webhook import MAX_FAILURE_PERIOD, DisabledFor, WebhookEvent
from deldokument.domain.shares.share import Verdict
from deldokument.domain.tenants.tenancy import Account
from deldokument.ports.channels import WebhookFailure, WebhookResponse
from deldokument.services.accounts import integrations
from deldokument.services.audit.actors import Actors
from deldokument.services.downloads import content as downloads_content
from deldokument.services.downloads import offers
from deldokument.services.downloads.access_requests import request_access
from deldokument.services.downloads.confirmation import confirm_documents
from deldokument.services.downloads.delivery import record_delivery
from deldokument.services.notifications import dispatch, webhooks
from deldokument.services.notifications.registry import CHANNELS, PLANNERS
from deldokument.services.notifications.webhook_delivery import plan_webhooks
from deldokument.services.notifications.webhooks import WebhookView
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.drafts import additions, drafts
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.store.audit.event_rows import StoredEvent
from tests.fakes.scanner import MemoryScanner
from tests.support.stage.accounts import set_rules
from tests.support.stage.changes import change_expiry
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import FJELL, KARI, OLA, SIV, FakeWebhookCalls, Stage, person
from tests.support.stored_data import do_as_owner

SYSTEM = Consumer(OrganizationNumber(FJELL))
EVERYTHING = [event.value for event in WebhookEvent]
URL = "https://hooks.fjell.example/del"


def add(stage: Stage, account: Account, events: list[str] | None = None) -> tuple[WebhookView, str]:
    wanted = EVERYTHING if events is None else events
    return webhooks.add_webhook(stage.deps, SYSTEM, account_id=account.id, url=URL, events=wanted)


def integrate(stage: Stage, account: Account) -> None:
    given = {"tenant_id": account.tenant_id, "account_id": account.id, "organization_number": FJELL}
    integrations.add_integration(stage.deps, **given)


@pytest.fixture
def webhook(stage: Stage) -> tuple[WebhookView, str]:
    """Of «Byggesak», told everything."""
    integrate(stage, stage.byggesak)
    return add(stage, stage.byggesak)


@pytest.fixture
def calls(stage: Stage) -> FakeWebhookCalls:
    fake = stage.deps.webhook_calls
    assert isinstance(fake, FakeWebhookCalls)
    return fake


def deliver(stage: Stage) -> None:
    """Plan and send until nothing is due."""
    while dispatch.plan_messages(stage.deps, PLANNERS):
        pass
    while taken := dispatch.take_messages(stage.deps, Channel.WEBHOOK):
        for message in taken:
            dispatch.send_message(stage.deps, CHANNELS[Channel.WEBHOOK], message)


def delivered(calls: FakeWebhookCalls) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in calls.sent]


def download(stage: Stage, share_id: str, *parts: tuple[int, int]) -> None:
    [document_id] = stage.document_ids(share_id)
    content = downloads_content.open_document(stage.deps, person(OLA), share_id, document_id)
    for start, stop in parts or ((0, content.length),):
        record_delivery(stage.deps, content, start, stop)


@pytest.mark.usefixtures("webhook")
def test_every_event_of_a_share_is_sent_in_ids_alone(stage: Stage, calls: FakeWebhookCalls) -> None:
    share_id = stage.publish(OLA, title="Vedtak om barnevern", also=["kart.pdf"])
    draft = stage.draft().id
    drafts.remove_document(stage.deps, person(KARI), draft, stage.upload(draft, "utkast.pdf", b"innhold"))
    [document_id, removed] = stage.document_ids(share_id)
    changes.remove_document(stage.deps, person(KARI), share_id, removed)
    changes.add_recipients(stage.deps, person(KARI), share_id, [RecipientInput(SIV)])
    with stage.deps.database.read() as tx:
        siv = tx.shares.recipients([share_id])[1].id
    offers.open_share(stage.deps, person(OLA), share_id)
    download(stage, share_id)
    confirm_documents(stage.deps, person(OLA), share_id, stage.document_ids(share_id))
    additions.take_back(stage.deps, person(KARI), share_id, stage.upload_beside(share_id, "tatt tilbake.pdf"))
    added = stage.upload_beside(share_id, "vedlegg.pdf")
    changes.change_share(stage.deps, person(KARI), share_id, Change(documents=(added,)))
    changes.remove_recipient(stage.deps, person(KARI), share_id, siv)
    changes.change_share(stage.deps, person(KARI), share_id, Change(texts={"title": "Vedtak"}))
    change_expiry(stage.deps, person(KARI), share_id, stage.clock.now() + timedelta(days=20))
    publishing.withdraw_share(stage.deps, person(KARI), share_id, invites=True)
    request_access(stage.deps, person(OLA), share_id)
    deliver(stage)
    messages = delivered(calls)
    assert {message["type"] for message in messages} == set(EVERYTHING) - {
        "share.ended",
        "share.report_ready",
        "document.infected",
    }
    assert {message["share_id"] for message in messages} == {share_id}
    assert {message["account_id"] for message in messages} == {stage.byggesak.id}
    for message in messages:
        about = {f"{kind}_id" for kind in ("document", "recipient") if message["type"].startswith(f"{kind}.")}
        assert set(message) == {"id", "type", "created_at", "share_id", "account_id"} | about
        wanted = {"document.removed": removed, "document.added": added}.get(message["type"], document_id)
        assert message.get("document_id", wanted) == wanted
        assert message.get("recipient_id", siv) == siv
        assert message["created_at"] == "2026-11-24T12:00:00Z"


@pytest.mark.usefixtures("webhook")
def test_webhooks_wait_until_a_publication_cannot_be_undone(stage: Stage, calls: FakeWebhookCalls) -> None:
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=2))
    undone = stage.publish(OLA)
    deliver(stage)
    publishing.undo_publication(stage.deps, person(KARI), undone)
    kept = stage.publish(OLA)
    deliver(stage)
    assert calls.sent == []
    stage.clock.advance(minutes=2)
    deliver(stage)
    assert [(one["type"], one["share_id"]) for one in delivered(calls)] == [("share.published", kept)]


@pytest.mark.usefixtures("webhook")
def test_malware_is_sent_and_a_clean_scan_is_not(stage: Stage, calls: FakeWebhookCalls) -> None:
    scanner = MemoryScanner(stage.clock.now())
    stage.deps = replace(stage.deps, scanner=scanner)
    share_id = stage.publish(OLA)
    stage.clock.advance(hours=24)
    scanner.verdict = Verdict.INFECTED
    inspect_documents(stage.deps)
    deliver(stage)
    sent = [(message["type"], message.get("document_id")) for message in delivered(calls)]
    assert sorted(sent) == [("document.infected", *stage.document_ids(share_id)), ("share.published", None)]


@pytest.mark.usefixtures("webhook")
def test_the_end_of_the_period_is_sent_and_that_the_report_is_final(stage: Stage, calls: FakeWebhookCalls) -> None:
    share_id = stage.publish(OLA)
    stage.draft()  # Its key is destroyed, too, and it has no report.
    deliver(stage)
    calls.sent.clear()
    stage.clock.advance(days=11)
    while any(reconcile(stage.deps) for reconcile in worker.ROUNDS):
        pass
    deliver(stage)
    # Calls of one second have no order.
    sent = {(message["type"], message["share_id"]) for message in delivered(calls)}
    assert sent == {("share.ended", share_id), ("share.report_ready", share_id)}
    assert len(calls.sent) == len(sent)


def test_a_call_is_signed_over_id_time_and_body(
    stage: Stage, webhook: tuple[WebhookView, str], calls: FakeWebhookCalls
) -> None:
    stage.publish(OLA)
    deliver(stage)
    [(url, headers, body)] = calls.sent
    assert url == URL
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == json.loads(body)["id"]
    assert headers["webhook-timestamp"] == str(int(stage.clock.now().timestamp()))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(webhook[1].removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_only_the_chosen_events_of_the_account_are_sent_and_only_from_then_on(
    stage: Stage, calls: FakeWebhookCalls
) -> None:
    integrate(stage, stage.byggesak)
    integrate(stage, stage.avtaler)
    before = stage.publish(OLA)
    stage.clock.advance(seconds=1)
    add(stage, stage.byggesak, ["share.withdrawn"])
    add(stage, stage.avtaler)
    after = stage.publish(OLA)
    publishing.withdraw_share(stage.deps, person(KARI), after)
    publishing.withdraw_share(stage.deps, person(KARI), before)
    deliver(stage)
    kinds = [(message["type"], message["share_id"]) for message in delivered(calls)]
    assert sorted(kinds) == sorted([("share.withdrawn", after), ("share.withdrawn", before)])


def test_events_from_before_a_webhook_are_not_sent(stage: Stage, calls: FakeWebhookCalls) -> None:
    integrate(stage, stage.byggesak)
    stage.publish(OLA)
    stage.clock.advance(seconds=1)
    add(stage, stage.byggesak)
    deliver(stage)
    assert calls.sent == []


@pytest.mark.usefixtures("webhook")
def test_a_download_in_pieces_is_sent_once_when_it_is_whole(stage: Stage, calls: FakeWebhookCalls) -> None:
    share_id = stage.publish(OLA, content=b"0123456789")
    deliver(stage)
    calls.sent.clear()
    download(stage, share_id, (0, 4), (2, 8))
    deliver(stage)
    assert calls.sent == []
    download(stage, share_id, (8, 10))
    stage.clock.advance(minutes=1)
    download(stage, share_id)
    deliver(stage)
    assert [message["type"] for message in delivered(calls)] == ["document.downloaded"]


@pytest.mark.parametrize(
    "outcome",
    [WebhookResponse(500), WebhookResponse(302), WebhookResponse(404), WebhookResponse(failure=WebhookFailure.TIMEOUT)],
)
def test_a_rejected_call_is_retried_under_the_same_id_with_a_fresh_signature(
    stage: Stage, webhook: tuple[WebhookView, str], calls: FakeWebhookCalls, outcome: WebhookResponse
) -> None:
    calls.outcome = outcome
    stage.publish(OLA)
    deliver(stage)
    [delivery] = webhooks.list_deliveries(stage.deps, SYSTEM, webhook[0].id)
    assert (delivery.sent_at, delivery.given_up_at, delivery.last_error) == (None, None, outcome.code)
    assert webhooks.show_webhook(stage.deps, SYSTEM, webhook[0].id).failing_since == stage.clock.now()
    calls.outcome = WebhookResponse(200)
    stage.clock.advance(minutes=5)
    deliver(stage)
    (_, first, body), (_, second, again) = calls.sent
    assert (first["webhook-id"], body) == (second["webhook-id"], again)
    assert first["webhook-signature"] != second["webhook-signature"]
    [delivery] = webhooks.list_deliveries(stage.deps, SYSTEM, webhook[0].id)
    assert (delivery.sent_at, delivery.attempts) == (stage.clock.now(), 2)
    assert webhooks.show_webhook(stage.deps, SYSTEM, webhook[0].id).failing_since is None


def disabled_events(stage: Stage) -> list[dict[str, Any]]:
    return [dict(event.details or {}) for _, event in stage.trail() if event.kind is EventKind.WEBHOOK_DISABLED]


def test_a_webhook_that_answers_gone_is_disabled_and_not_called_again(
    stage: Stage, webhook: tuple[WebhookView, str], calls: FakeWebhookCalls
) -> None:
    share_id = stage.publish(OLA)
    deliver(stage)
    calls.sent.clear()
    calls.outcome = WebhookResponse(410)
    offers.open_share(stage.deps, person(OLA), share_id)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    deliver(stage)
    assert len(calls.sent) == 1
    view = webhooks.show_webhook(stage.deps, SYSTEM, webhook[0].id)
    assert (view.disabled_at, view.disabled_for) == (stage.clock.now(), DisabledFor.GONE)
    errors = {one.last_error for one in webhooks.list_deliveries(stage.deps, SYSTEM, view.id) if one.given_up_at}
    assert errors == {"status_410", "webhook_disabled"}
    [details] = disabled_events(stage)
    assert (details["webhook"], details["account"], details["cause"]) == (view.id, stage.byggesak.id, "gone")

    calls.outcome = WebhookResponse(200)
    stage.publish(OLA)
    deliver(stage)
    assert len(calls.sent) == 1, "nothing is planned for it either"


@pytest.mark.usefixtures("webhook")
def test_that_a_webhook_was_disabled_is_nobodys_doing_but_the_services(stage: Stage, calls: FakeWebhookCalls) -> None:
    calls.outcome = WebhookResponse(410)
    stage.publish(OLA)
    deliver(stage)
    [event] = [event for _, event in stage.trail() if event.kind is EventKind.WEBHOOK_DISABLED]
    assert event.details
    assert event.details["integration"]
    with stage.deps.database.read() as tx:
        assert Actors(stage.deps, stage.tenant.id).behind(tx, [event]) == [None]


def test_a_webhook_that_nothing_reached_for_days_is_disabled(
    stage: Stage, webhook: tuple[WebhookView, str], calls: FakeWebhookCalls
) -> None:
    calls.outcome = WebhookResponse(failure=WebhookFailure.UNREACHABLE)
    began = stage.clock.now()
    stage.publish(OLA)
    deliver(stage)
    while stage.clock.now() - began < MAX_FAILURE_PERIOD - MAX_PAUSE:
        stage.clock.advance(hours=6)
        deliver(stage)
    view = webhooks.show_webhook(stage.deps, SYSTEM, webhook[0].id)
    assert (view.failing_since, view.disabled_at) == (began, None)
    stage.clock.advance(hours=7)
    deliver(stage)
    view = webhooks.show_webhook(stage.deps, SYSTEM, webhook[0].id)
    assert (view.disabled_at, view.disabled_for) == (stage.clock.now(), DisabledFor.FAILING)
    [delivery] = webhooks.list_deliveries(stage.deps, SYSTEM, view.id)
    assert (delivery.given_up_at, delivery.last_error) == (stage.clock.now(), "unreachable")
    assert [details["cause"] for details in disabled_events(stage)] == ["failing"]


def test_one_success_in_between_heals_a_webhook(
    stage: Stage, webhook: tuple[WebhookView, str], calls: FakeWebhookCalls
) -> None:
    for outcome in (WebhookResponse(500), WebhookResponse(200), WebhookResponse(500)):
        calls.outcome = outcome
        stage.publish(OLA)
        deliver(stage)
        stage.clock.advance(days=2)
    view = webhooks.show_webhook(stage.deps, SYSTEM, webhook[0].id)
    assert view.disabled_at is None


@pytest.mark.usefixtures("calls")
def test_a_webhook_that_is_removed_while_it_is_called_stays_removed(
    stage: Stage, webhook: tuple[WebhookView, str]
) -> None:
    class Removing(FakeWebhookCalls):
        def post(self, _url: str, _headers: Any, _body: bytes) -> WebhookResponse:
            webhooks.remove_webhook(stage.deps, SYSTEM, webhook[0].id)
            return WebhookResponse(410)

    stage.deps = replace(stage.deps, webhook_calls=Removing())
    stage.publish(OLA)
    deliver(stage)
    assert webhooks.list_webhooks(stage.deps, SYSTEM) == []
    assert disabled_events(stage) == []


def test_a_message_planned_for_a_removed_webhook_is_not_sent(
    stage: Stage, webhook: tuple[WebhookView, str], calls: FakeWebhookCalls
) -> None:
    stage.publish(OLA)
    while dispatch.plan_messages(stage.deps, PLANNERS):
        pass
    webhooks.remove_webhook(stage.deps, SYSTEM, webhook[0].id)
    deliver(stage)
    assert calls.sent == []


@pytest.mark.usefixtures("webhook")
def test_an_event_of_no_share_is_sent_to_nobody(stage: Stage) -> None:
    event = AuditEvent(stage.clock.now(), EventKind.SHARE_ENDED, stage.tenant.id)
    with stage.deps.database.read() as tx:
        assert list(plan_webhooks(stage.deps, tx, [StoredEvent(1, b"", b"", event)])) == []


def test_a_message_about_a_share_is_sent_to_no_webhook_of_another_account(
    stage: Stage, webhook: tuple[WebhookView, str], calls: FakeWebhookCalls
) -> None:
    integrate(stage, stage.avtaler)
    other, _ = add(stage, stage.avtaler)
    offers.open_share(stage.deps, person(OLA), stage.publish(OLA))
    dispatch.plan_messages(stage.deps, PLANNERS)
    do_as_owner(stage.database_url, f"UPDATE outbox SET target = '{other.id}' WHERE target = '{webhook[0].id}'")
    deliver(stage)
    assert calls.sent == []
