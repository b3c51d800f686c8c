"""Webhooks are kept and found as the contract says."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import Broken, ServiceError
from deldokument.domain.messages.webhook import DisabledFor, Webhook, WebhookEvent
from deldokument.domain.tenants.tenancy import Account, Integration
from deldokument.store.database import Database
from tests.contract.records import ACCOUNT, HOUR, NOW, TENANT, settle

OTHERS = Account("others", TENANT.id, "Avtaler")
FJELL = Integration("fjell", ACCOUNT.id, "312824450", "FJELL AS", NOW)
ELV = Integration("elv", ACCOUNT.id, "314758625", "ELV AS", NOW)
THEIRS = Integration("theirs", OTHERS.id, "312824450", "FJELL AS", NOW)
HOOK = Webhook("hook", FJELL.id, b"url", b"secret", frozenset({WebhookEvent.ENDED, WebhookEvent.OPENED}), NOW)
SECOND = replace(HOOK, id="second", created_at=NOW + HOUR)
ELVS = replace(HOOK, id="elvs", integration_id=ELV.id, created_at=NOW + 2 * HOUR)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)
    with database.write() as tx:
        tx.accounts.add(OTHERS)
        for integration in (FJELL, ELV, THEIRS):
            tx.integrations.add(integration)
        for webhook in (HOOK, ELVS, SECOND):
            tx.webhooks.add(webhook)


def test_a_webhook_comes_back_as_it_was_with_its_integration(database: Database) -> None:
    with database.read() as tx:
        assert tx.webhooks.get("hook") == (HOOK, FJELL)
        assert tx.webhooks.get("unknown") is None


def test_webhooks_are_found_by_integration_and_by_account_the_newest_first(database: Database) -> None:
    with database.read() as tx:
        assert tx.webhooks.of_integrations([FJELL.id, THEIRS.id]) == [SECOND, HOOK]
        assert tx.webhooks.of_integrations([FJELL.id, ELV.id]) == [ELVS, SECOND, HOOK]
        assert tx.webhooks.of_integrations([]) == []
        assert tx.webhooks.of_account(ACCOUNT.id) == [(ELVS, ELV), (SECOND, FJELL), (HOOK, FJELL)]
        assert tx.webhooks.of_account(OTHERS.id) == []
        assert tx.webhooks.of_tenant(TENANT.id) == [(ELVS, ELV), (SECOND, FJELL), (HOOK, FJELL)]
        assert tx.webhooks.of_tenant("another") == []


def test_with_its_integrations_rights_a_webhook_ends(database: Database) -> None:
    with database.write() as tx:
        tx.integrations.remove(FJELL.id, NOW)
    with database.write() as tx:
        assert tx.webhooks.get("hook") is None
        assert tx.webhooks.of_integrations([FJELL.id, ELV.id]) == [ELVS]
        assert tx.webhooks.of_account(ACCOUNT.id) == [(ELVS, ELV)]
        assert [tx.webhooks.forget_ended(1) for _ in range(3)] == [1, 1, 0]
        assert tx.webhooks.get("elvs") == (ELVS, ELV)


def test_a_changed_webhook_is_stored(database: Database) -> None:
    changed = replace(HOOK, failing_since=NOW, disabled_at=NOW + HOUR, disabled_for=DisabledFor.GONE)
    with database.write() as tx:
        tx.webhooks.save(changed)
        assert tx.webhooks.get("hook") == (changed, FJELL)
        assert tx.webhooks.get("second") == (SECOND, FJELL)


def test_a_webhook_that_has_been_removed_stays_so(database: Database) -> None:
    with database.write() as tx:
        assert tx.webhooks.remove("hook")
        assert not tx.webhooks.remove("hook")
        tx.webhooks.save(replace(HOOK, failing_since=NOW))
        assert tx.webhooks.get("hook") is None


@pytest.mark.parametrize(
    "wrong", [replace(HOOK, id="new", integration_id="nobody"), replace(HOOK, id="new", disabled_at=NOW)]
)
def test_a_webhook_of_nobody_or_half_disabled_is_refused(database: Database, wrong: Webhook) -> None:
    with pytest.raises(ServiceError) as caught, database.write() as tx:
        tx.webhooks.add(wrong)
    assert isinstance(caught.value, Broken) or caught.value.code == "state_changed"
