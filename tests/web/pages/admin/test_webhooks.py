"""The administrators' view of the systems' webhooks."""

import re
from dataclasses import replace
from html import unescape

import pytest

from deldokument.domain.messages.webhook import DisabledFor
from deldokument.services.accounts import deletion, lifecycle
from deldokument.services.notifications import webhooks
from tests.support.browser import EWA, Browser, Web
from tests.support.deployment.systems import SYSTEM, integrate

URL = "https://hooks.fjell.example:443/del?token=s3cr3t"


@pytest.fixture
def ewa(web: Web) -> Browser:
    return web.browser(EWA)


def page(web: Web, ewa: Browser) -> str:
    answer = ewa.get(f"/konfigurasjon/{web.stage.tenant.id}/kontoer/{web.stage.byggesak.id}")
    assert answer.status_code == 200
    assert "s3cr3t" not in answer.text
    found = re.search(r"<main.*?</main>", answer.text, re.DOTALL)
    assert found
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


def add(web: Web) -> str:
    integrate(web.stage)
    account_id = web.stage.byggesak.id
    return webhooks.add_webhook(web.stage.deps, SYSTEM, account_id=account_id, url=URL, events=["share.ended"])[0].id


def change(web: Web, webhook_id: str, **changes: object) -> None:
    with web.stage.deps.database.write() as tx:
        found = tx.webhooks.get(webhook_id)
        assert found
        tx.webhooks.save(replace(found[0], **changes))  # type: ignore[arg-type]


def test_an_account_without_webhooks_does_not_mention_them(web: Web, ewa: Browser) -> None:
    assert "varsles om hendelser" not in page(web, ewa)


def test_an_administrator_sees_systems_addresses_and_status_of_webhooks(web: Web, ewa: Browser) -> None:
    webhook_id, now = add(web), web.stage.clock.now()
    shown = page(web, ewa)
    assert "Hvor systemer varsles om hendelser" in shown
    assert "hooks.fjell.example:443 FJELL AS" in shown
    change(web, webhook_id, failing_since=now)
    assert "Ikke nådd siden" in page(web, ewa)
    change(web, webhook_id, disabled_at=now, disabled_for=DisabledFor.FAILING)
    assert "Gitt opp" in page(web, ewa)


def test_a_deleted_account_can_still_be_looked_at(web: Web, ewa: Browser) -> None:
    add(web)
    view = lifecycle.show_account(web.stage.deps, tenant_id=web.stage.tenant.id, account_id=web.stage.byggesak.id)
    where = {"tenant_id": web.stage.tenant.id, "account_id": view.account.id}
    deletion.delete_account(web.stage.deps, **where, typed_name=view.account.name)
    assert "Kontoen er slettet" in page(web, ewa)
