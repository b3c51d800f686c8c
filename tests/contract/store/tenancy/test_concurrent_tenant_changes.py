"""What two change at the same instant, on every database: none of the two brings back what the other ended."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from deldokument.domain.errors import Conflict, NotFound, RightMissing, existing
from deldokument.domain.messages.outbox import Channel, OutgoingMessage, Result
from deldokument.domain.messages.webhook import DisabledFor
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import IntegrationRights, Tenant
from deldokument.ports.channels import WebhookResponse
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import member_import
from deldokument.services.notifications import webhooks
from deldokument.services.notifications.webhook_delivery import send_webhook
from deldokument.services.shares.drafts import drafts
from deldokument.services.tenants import registration
from deldokument.store.transaction import Transaction
from tests.support.deployment.systems import SYSTEM, integrate
from tests.support.stage.stage import NOON, OLA, PER, Stage, set_stage

WAITS = 0.5
"""How long the second has to come as far as it can while the first holds the tenant, in seconds."""


@pytest.fixture
def stage(database_url: str, tmp_path: Path) -> Iterator[Stage]:
    new = set_stage(tmp_path, database_url)
    yield new
    new.close()


def change_while_another_does(
    deps: Dependencies, tenant_id: str, first: dict[str, object], second: Callable[[], object]
) -> None:
    """``first`` is written by somebody who holds the tenant until ``second`` is under way."""
    begun = Event()

    def begin() -> None:
        begun.set()
        second()

    with ThreadPoolExecutor(1) as pool:
        with deps.database.write() as tx:
            tenant = existing(tx.tenants.lock(tenant_id))
            other = pool.submit(begin)
            begun.wait()
            Event().wait(WAITS)
            tx.tenants.save(replace(tenant, **first))  # type: ignore[arg-type]
        other.result()


def now(stage: Stage) -> Tenant:
    with stage.deps.database.read() as tx:
        return existing(tx.tenants.get(stage.tenant.id))


@pytest.mark.parametrize("first", ["ended_at", "frozen_at"])
def test_new_rules_bring_no_tenant_back_that_has_just_been_ended_or_stopped(stage: Stage, first: str) -> None:
    def second() -> None:
        registration.change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, longest_days=7)

    change_while_another_does(stage.deps, stage.tenant.id, {first: NOON}, second)
    assert getattr(now(stage), first) == NOON
    assert now(stage).period.longest.days == 7


def test_nobody_becomes_a_member_of_a_tenant_that_has_just_ended(stage: Stage) -> None:
    def second() -> None:
        with pytest.raises(Conflict):
            stage.add(PER, "Per Hansen", stage.byggesak)

    change_while_another_does(stage.deps, stage.tenant.id, {"ended_at": NOON}, second)


def test_nor_do_those_of_a_list(stage: Stage) -> None:
    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id, "text": f"{PER};Per Hansen"}
    preview = member_import.preview_list(stage.deps, **where)

    def second() -> None:
        with pytest.raises(Conflict):
            member_import.register_list(stage.deps, **where, shown=preview.added, batch=preview.batch)

    change_while_another_does(stage.deps, stage.tenant.id, {"ended_at": NOON}, second)


def while_it_shares(stage: Stage, change: Callable[[Transaction], object]) -> None:
    """A system begins a draft while somebody changes its integration, and has not committed yet."""
    begun = Event()

    def share() -> None:
        begun.set()
        with suppress(NotFound, RightMissing):
            drafts.start_draft(stage.deps, SYSTEM, account_id=stage.byggesak.id)

    with ThreadPoolExecutor(1) as pool:
        with stage.deps.database.write() as tx:
            change(tx)
            other = pool.submit(share)
            begun.wait()
            Event().wait(WAITS)
        other.result()


def test_an_integration_that_is_removed_while_its_system_shares_stays_so(stage: Stage) -> None:
    added = integrate(stage)
    while_it_shares(stage, lambda tx: tx.integrations.remove(added.id, NOON))
    with stage.deps.database.read() as tx:
        assert existing(tx.integrations.get(added.id)).removed_at == NOON


def test_rights_that_are_taken_while_a_system_shares_stay_taken(stage: Stage) -> None:
    added = integrate(stage)
    while_it_shares(stage, lambda tx: tx.integrations.save(replace(added, rights=IntegrationRights.READ)))
    with stage.deps.database.read() as tx:
        assert existing(tx.integrations.get(added.id)).rights is IntegrationRights.READ


def test_a_webhook_that_is_disabled_while_another_call_fails_stays_so(stage: Stage) -> None:
    integrate(stage)
    share_id = stage.publish(OLA)
    view, _ = webhooks.add_webhook(
        stage.deps, SYSTEM, account_id=stage.byggesak.id, url="https://hooks.fjell.example/del", events=["share.ended"]
    )
    message = OutgoingMessage(
        new_id(), Channel.WEBHOOK, "share.ended", stage.tenant.id, share_id, view.id, NOON, NOON,
        details={"at": NOON.isoformat()},
    )  # fmt: skip
    stage.deps.webhook_calls.outcome = WebhookResponse(500)  # type: ignore[attr-defined]
    with ThreadPoolExecutor(1) as pool:
        with stage.deps.database.write() as tx:
            webhook, _ = existing(tx.webhooks.get(view.id))
            tx.webhooks.save(replace(webhook, disabled_at=NOON, disabled_for=DisabledFor.GONE))
            other = pool.submit(send_webhook, stage.deps, message)
            Event().wait(WAITS)
        assert other.result().result is Result.REFUSED
    with stage.deps.database.read() as tx:
        webhook, _ = existing(tx.webhooks.get(view.id))
    assert webhook.disabled_for is DisabledFor.GONE
