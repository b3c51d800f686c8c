"""The webhooks of a fagsystem: its own, and nobody else's."""

from dataclasses import replace
from typing import Any

import pytest

from deldokument import worker
from deldokument.crypto.webhooks import SECRET_PREFIX
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.messages.outbox import Channel
from deldokument.domain.messages.webhook import MAX_WEBHOOKS, DisabledFor, WebhookEvent
from deldokument.domain.tenants.tenancy import Account, Integration
from deldokument.ports.channels import WebhookResponse
from deldokument.services.accounts import integrations
from deldokument.services.notifications import dispatch, webhooks
from deldokument.services.notifications.registry import CHANNELS, PLANNERS
from deldokument.services.notifications.webhooks import WebhookView
from deldokument.services.shares.published import publishing
from tests.support.stage.stage import DELETED, FJELL, KARI, Stage, person
from tests.support.stored_data import everything

SYSTEM = Consumer(OrganizationNumber(FJELL), supplier=OrganizationNumber(DELETED))
OTHERS = Consumer(OrganizationNumber("313017001"))
URL = "https://hooks.fjell.example/del?token=s3cr3t"


def integrate(stage: Stage, account: Account | None = None, number: str = FJELL) -> Integration:
    chosen = account or stage.byggesak
    given = {"tenant_id": chosen.tenant_id, "account_id": chosen.id, "organization_number": number}
    return integrations.add_integration(stage.deps, **given)


def add(
    stage: Stage, system: Consumer = SYSTEM, account: Account | None = None, *events: str, url: str = URL
) -> WebhookView:
    account_id = (account or stage.byggesak).id
    wanted = list(events or ("share.published",))
    return webhooks.add_webhook(stage.deps, system, account_id=account_id, url=url, events=wanted)[0]


def listed(stage: Stage, system: Consumer = SYSTEM, **given: Any) -> list[str]:
    return [view.id for view in webhooks.list_webhooks(stage.deps, system, **given)]


def deliver(stage: Stage) -> None:
    """Plan and send until nothing is due."""
    while dispatch.plan_messages(stage.deps, PLANNERS):
        pass
    while taken := dispatch.take_messages(stage.deps, Channel.WEBHOOK):
        for message in taken:
            dispatch.send_message(stage.deps, CHANNELS[Channel.WEBHOOK], message)


def trail(stage: Stage) -> list[tuple[EventKind, dict[str, Any]]]:
    kinds = {EventKind.WEBHOOK_ADDED, EventKind.WEBHOOK_REMOVED, EventKind.WEBHOOK_DISABLED}
    return [(event.kind, dict(event.details or {})) for _, event in stage.trail() if event.kind in kinds]


def test_a_system_chooses_its_events_and_sees_the_secret_once(stage: Stage) -> None:
    integrate(stage)
    chosen = ["share.ended", "share.opened"]
    view, secret = webhooks.add_webhook(stage.deps, SYSTEM, account_id=stage.byggesak.id, url=URL, events=chosen)
    assert (view.account_id, view.owner, view.url) == (stage.byggesak.id, "FJELL AS", URL)
    assert (view.events, view.created_at) == ((WebhookEvent.OPENED, WebhookEvent.ENDED), stage.clock.now())
    assert secret.startswith(SECRET_PREFIX)
    assert webhooks.show_webhook(stage.deps, SYSTEM, view.id) == view
    assert webhooks.list_webhooks(stage.deps, SYSTEM) == [view]
    assert secret not in repr(view)
    assert view.host == "hooks.fjell.example"


def test_a_system_that_asks_once_more_after_a_crash_gets_the_same_webhook(stage: Stage) -> None:
    integrate(stage)
    asked = {"account_id": stage.byggesak.id, "url": URL, "events": ["share.ended"], "webhook_id": "chosen"}
    first = webhooks.add_webhook(stage.deps, SYSTEM, **asked)  # type: ignore[arg-type]
    assert first[0].id == "chosen"
    assert webhooks.add_webhook(stage.deps, SYSTEM, **asked) == first  # type: ignore[arg-type]
    assert listed(stage) == ["chosen"]


def test_url_and_secret_are_not_to_be_read_in_the_database(stage: Stage) -> None:
    integrate(stage)
    _, secret = webhooks.add_webhook(stage.deps, SYSTEM, account_id=stage.byggesak.id, url=URL, events=["share.ended"])
    stored = everything(stage)
    assert b"webhook_added" in stored
    assert b"hooks.fjell.example" not in stored
    assert secret.encode() not in stored


def test_adding_and_removing_is_written_down_with_who_runs_the_system(stage: Stage) -> None:
    integration = integrate(stage)
    view = add(stage)
    webhooks.remove_webhook(stage.deps, SYSTEM, view.id)
    details = {
        "account": stage.byggesak.id,
        "webhook": view.id,
        "integration": integration.id,
        "supplier": DELETED,
    }
    assert trail(stage) == [(EventKind.WEBHOOK_ADDED, details), (EventKind.WEBHOOK_REMOVED, details)]
    assert listed(stage) == []
    with pytest.raises(NotFound):
        webhooks.remove_webhook(stage.deps, SYSTEM, view.id)


@pytest.mark.parametrize(
    ("url", "events", "code"),
    [
        ("http://hooks.fjell.example/", ["share.ended"], "webhook_url_not_https"),
        ("https://169.254.169.254/latest/meta-data/", ["share.ended"], "webhook_url_private"),
        (URL, [], "webhook_events_missing"),
        (URL, ["draft.started"], "webhook_event_unknown"),
    ],
)
def test_a_url_or_an_event_that_cannot_be_is_refused(stage: Stage, url: str, events: list[str], code: str) -> None:
    integrate(stage)
    with pytest.raises(InvalidInput, match=code):
        webhooks.add_webhook(stage.deps, SYSTEM, account_id=stage.byggesak.id, url=url, events=events)
    assert listed(stage) == []


def test_an_account_that_the_system_may_not_use_does_not_exist(stage: Stage) -> None:
    integrate(stage)
    for account in (stage.avtaler, stage.barnevern):
        with pytest.raises(NotFound):
            add(stage, SYSTEM, account)


def test_another_systems_webhooks_do_not_exist(stage: Stage) -> None:
    integrate(stage)
    integrate(stage, number=OTHERS.organization.value)
    theirs = add(stage, OTHERS)
    assert listed(stage) == []
    for attempt in (webhooks.show_webhook, webhooks.remove_webhook, webhooks.list_deliveries):
        with pytest.raises(NotFound):
            attempt(stage.deps, SYSTEM, theirs.id)
        with pytest.raises(NotFound):
            attempt(stage.deps, SYSTEM, "unknown")
    assert listed(stage, OTHERS) == [theirs.id]


def test_an_integration_has_a_limited_number_of_webhooks(stage: Stage) -> None:
    integrate(stage)
    integrate(stage, stage.avtaler)
    first, *_ = [add(stage) for _ in range(MAX_WEBHOOKS)]
    with pytest.raises(Conflict, match="too_many_webhooks"):
        add(stage)
    assert add(stage, SYSTEM, stage.avtaler)
    webhooks.remove_webhook(stage.deps, SYSTEM, first.id)
    assert add(stage)


def test_webhooks_are_listed_page_by_page_the_newest_first(stage: Stage) -> None:
    integrate(stage)
    integrate(stage, stage.avtaler)
    added = []
    for account in (stage.byggesak, stage.avtaler, stage.byggesak):
        added.append(add(stage, SYSTEM, account))
        stage.clock.advance(minutes=1)
    newest, middle, oldest = reversed(added)
    assert listed(stage) == [newest.id, middle.id, oldest.id]
    assert listed(stage, limit=2) == [newest.id, middle.id]
    assert listed(stage, before=(middle.created_at, middle.id)) == [oldest.id]


def test_with_the_integration_its_webhooks_end_and_are_forgotten(stage: Stage) -> None:
    integration = integrate(stage)
    view = add(stage)
    integrations.remove_integration(
        stage.deps, tenant_id=stage.tenant.id, account_id=stage.byggesak.id, integration_id=integration.id
    )
    assert listed(stage) == []
    stage.publish()
    deliver(stage)
    assert stage.deps.webhook_calls.sent == []  # type: ignore[attr-defined]
    integrate(stage)
    with pytest.raises(NotFound):
        webhooks.show_webhook(stage.deps, SYSTEM, view.id)
    assert [worker.end_what_is_over(stage.deps) for _ in range(2)] == [1, 0]


def test_administrators_see_the_webhooks_of_their_account(stage: Stage) -> None:
    integrate(stage)
    integrate(stage, number=OTHERS.organization.value)
    first = add(stage)
    stage.clock.advance(minutes=1)
    second = add(stage, OTHERS)
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    assert webhooks.webhooks_of_account(stage.deps, **where) == [second, first]
    with pytest.raises(NotFound):
        webhooks.webhooks_of_account(stage.deps, tenant_id=stage.tenant.id, account_id=stage.barnevern.id)


def test_deliveries_are_listed_and_can_be_repeated_under_the_same_id(stage: Stage) -> None:
    integrate(stage)
    view = add(stage, SYSTEM, None, "share.published", "share.withdrawn")
    share_id = stage.publish()
    stage.clock.advance(minutes=1)
    publishing.withdraw_share(stage.deps, person(KARI), share_id)
    deliver(stage)
    deliveries = webhooks.list_deliveries(stage.deps, SYSTEM, view.id)
    assert sorted(one.kind for one in deliveries) == ["share.published", "share.withdrawn"]
    assert {one.share_id for one in deliveries} == {share_id}
    assert all(one.sent_at and one.attempts == 1 for one in deliveries)
    last = deliveries[0]
    before = (last.created_at, last.id)
    assert webhooks.list_deliveries(stage.deps, SYSTEM, view.id, before=before, limit=1) == deliveries[1:]

    calls = stage.deps.webhook_calls.sent  # type: ignore[attr-defined]
    calls.clear()
    webhooks.replay_delivery(stage.deps, SYSTEM, view.id, last.id)
    deliver(stage)
    assert [headers["webhook-id"] for _, headers, _ in calls] == [last.id]


def test_nothing_is_repeated_by_another_systems_or_another_webhooks_id(stage: Stage) -> None:
    integrate(stage)
    integrate(stage, number=OTHERS.organization.value)
    mine, other, theirs = add(stage), add(stage, SYSTEM, None, "share.ended"), add(stage, OTHERS)
    stage.publish()
    deliver(stage)
    [delivery] = webhooks.list_deliveries(stage.deps, SYSTEM, mine.id)
    for system, webhook_id in ((OTHERS, mine.id), (OTHERS, theirs.id), (SYSTEM, other.id), (SYSTEM, theirs.id)):
        with pytest.raises(NotFound):
            webhooks.replay_delivery(stage.deps, system, webhook_id, delivery.id)
    with pytest.raises(NotFound):
        webhooks.replay_delivery(stage.deps, SYSTEM, mine.id, "unknown")


def test_a_message_of_another_channel_is_no_delivery(stage: Stage) -> None:
    integrate(stage)
    view = add(stage)
    stage.publish()
    while dispatch.plan_messages(stage.deps, PLANNERS):
        pass
    [delivery] = webhooks.list_deliveries(stage.deps, SYSTEM, view.id)
    letter = replace(delivery, id="letter", channel=Channel.EMAIL)
    with stage.deps.database.write() as tx:
        tx.outbox.add(letter)
    with pytest.raises(NotFound):
        webhooks.replay_delivery(stage.deps, SYSTEM, view.id, letter.id)


def test_nothing_is_repeated_to_a_disabled_webhook(stage: Stage) -> None:
    integrate(stage)
    view = add(stage)
    stage.deps.webhook_calls.outcome = WebhookResponse(410)  # type: ignore[attr-defined]
    stage.publish()
    deliver(stage)
    [delivery] = webhooks.list_deliveries(stage.deps, SYSTEM, view.id)
    assert webhooks.show_webhook(stage.deps, SYSTEM, view.id).disabled_for is DisabledFor.GONE
    with pytest.raises(Conflict, match="webhook_disabled"):
        webhooks.replay_delivery(stage.deps, SYSTEM, view.id, delivery.id)
