"""Webhooks, which notify a fagsystem of events in an account: adding, listing and removing them.

Guarantees:
- A system sees and changes only its own webhooks.
- A secret is returned only to the request that adds the webhook.
- A registered URL passes the operator's address rule.
- All deliveries can be listed and sent again.

`services.notifications.webhook_delivery` makes the calls.
"""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from deldokument.crypto.webhooks import new_secret
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, NotFound, existing, require
from deldokument.domain.identifiers import Consumer
from deldokument.domain.messages.outbox import Channel, OutgoingMessage
from deldokument.domain.messages.webhook import (
    MAX_WEBHOOKS,
    DisabledFor,
    Webhook,
    WebhookEvent,
    parse_events,
    parse_url,
)
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import Integration
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.lifecycle import any_account
from deldokument.services.accounts.members import membership_in, memberships_in
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, open_field, seal_field
from deldokument.services.people import directory_key
from deldokument.store.transaction import Transaction

_BATCH = 500

Before = tuple[datetime, str]
"""Time and id of the last item of a page; the list continues after it."""


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook as its owner and the account's administrators may see it. ``owner``: the integration's name."""

    id: str
    account_id: str
    owner: str
    url: str
    events: tuple[WebhookEvent, ...]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_for: DisabledFor | None

    @property
    def host(self) -> str:
        """Host of the URL, without the path, which may contain a secret."""
        return urlsplit(self.url).netloc


def add_webhook(
    deps: Dependencies, consumer: Consumer, *, account_id: str, url: str, events: list[str], webhook_id: str = ""
) -> tuple[WebhookView, str]:
    """Register a URL for these events of the account; return the webhook and the secret that signs its calls.

    A system that may only read the account may add webhooks, too: they report only data that it can read.
    ``webhook_id`` is a fresh random id; a repetition with it has no effect and returns the same.

    Raises: InvalidInput, NotFound, or Conflict if there are too many.
    """
    parse_url(url, deps.config.webhooks)
    wanted = parse_events(events)
    key, secret, webhook_id = directory_key(deps), new_secret(), webhook_id or new_id()
    with deps.database.write() as tx:
        membership = membership_in(deps, tx, consumer, account_id)
        # Locked, so that concurrent requests cannot exceed the limit.
        tx.accounts.lock(account_id)
        integration = existing(tx.integrations.get(membership.id))
        if (known := tx.webhooks.get(webhook_id)) is not None:
            return _view(key, *known), open_field(
                key, known[0].sealed_secret, EncryptedColumn.WEBHOOK_SECRET, webhook_id
            )
        if len(tx.webhooks.of_integrations([integration.id])) >= MAX_WEBHOOKS:
            raise Conflict("too_many_webhooks", longest=MAX_WEBHOOKS)
        added = Webhook(
            id=webhook_id,
            integration_id=integration.id,
            sealed_url=seal_field(key, url, EncryptedColumn.WEBHOOK_URL, webhook_id),
            sealed_secret=seal_field(key, secret, EncryptedColumn.WEBHOOK_SECRET, webhook_id),
            events=wanted,
            created_at=deps.clock.now(),
        )
        tx.webhooks.add(added)
        kind, tenant_id = EventKind.WEBHOOK_ADDED, membership.tenant.id
        record_event(deps, tx, kind, tenant_id=tenant_id, person=consumer, account=account_id, webhook=webhook_id)
    return _view(key, added, integration), secret


def list_webhooks(
    deps: Dependencies, consumer: Consumer, *, before: Before | None = None, limit: int = 50
) -> list[WebhookView]:
    """Return the system's own webhooks in all accounts, newest first."""
    key = directory_key(deps)
    with deps.database.read() as tx:
        mine = {m.id: existing(tx.integrations.get(m.id)) for m in memberships_in(deps, tx, consumer)}
        webhooks = tx.webhooks.of_integrations(list(mine))
    later = [one for one in webhooks if before is None or (one.created_at, one.id) < before]
    return [_view(key, one, mine[one.integration_id]) for one in later[:limit]]


def show_webhook(deps: Dependencies, consumer: Consumer, webhook_id: str) -> WebhookView:
    """Return one of the system's own webhooks. Raises: NotFound."""
    key = directory_key(deps)
    with deps.database.read() as tx:
        webhook, integration, _ = _own(deps, tx, consumer, webhook_id)
    return _view(key, webhook, integration)


def remove_webhook(deps: Dependencies, consumer: Consumer, webhook_id: str) -> None:
    """Remove a webhook. Raises: NotFound."""
    with deps.database.write() as tx:
        webhook, integration, tenant_id = _own(deps, tx, consumer, webhook_id)
        require(tx.webhooks.remove(webhook.id) or None, "webhook")
        kind, account_id = EventKind.WEBHOOK_REMOVED, integration.account_id
        record_event(deps, tx, kind, tenant_id=tenant_id, person=consumer, account=account_id, webhook=webhook.id)


def list_deliveries(
    deps: Dependencies, consumer: Consumer, webhook_id: str, *, before: Before | None = None, limit: int = 50
) -> list[OutgoingMessage]:
    """Return the webhook's deliveries, sent and waiting, newest first. Raises: NotFound."""
    with deps.database.read() as tx:
        webhook, _, _ = _own(deps, tx, consumer, webhook_id)
        return tx.outbox.of_target(Channel.WEBHOOK, webhook.id, before=before, limit=limit)


def replay_delivery(deps: Dependencies, consumer: Consumer, webhook_id: str, delivery_id: str) -> None:
    """Send a delivery again, under the same id. Raises: NotFound, or Conflict if the webhook is disabled."""
    with deps.database.write() as tx:
        webhook, _, _ = _own(deps, tx, consumer, webhook_id)
        message = require(tx.outbox.get(delivery_id), "delivery")
        if (message.channel, message.target) != (Channel.WEBHOOK, webhook.id):
            raise NotFound("delivery")
        if webhook.disabled_at is not None:
            raise Conflict("webhook_disabled")
        tx.outbox.repeat(message.id, deps.clock.now())


def webhooks_of_account(deps: Dependencies, *, tenant_id: str, account_id: str) -> list[WebhookView]:
    """Return the webhooks of all systems in the account, newest first, for administrators. Raises: NotFound."""
    key = directory_key(deps)
    with deps.database.read() as tx:
        account = any_account(tx, tenant_id, account_id)
        return [_view(key, webhook, integration) for webhook, integration in tx.webhooks.of_account(account.id)]


def forget_ended_webhooks(deps: Dependencies) -> int:
    """Delete webhooks whose integration has lost its rights, with URL and secret; return their number.

    One round of retention.
    """
    with deps.database.write() as tx:
        return tx.webhooks.forget_ended(_BATCH)


def _own(deps: Dependencies, tx: Transaction, consumer: Consumer, webhook_id: str) -> tuple[Webhook, Integration, str]:
    """Return the webhook with its integration and the tenant's id. Raises: NotFound."""
    mine = {membership.id: membership.tenant.id for membership in memberships_in(deps, tx, consumer)}
    webhook, integration = require(tx.webhooks.get(webhook_id), "webhook")
    if integration.id not in mine:
        raise NotFound("webhook")
    return webhook, integration, mine[integration.id]


def _view(key: bytes, webhook: Webhook, integration: Integration) -> WebhookView:
    return WebhookView(
        id=webhook.id,
        account_id=integration.account_id,
        owner=integration.name,
        url=open_field(key, webhook.sealed_url, EncryptedColumn.WEBHOOK_URL, webhook.id),
        events=tuple(event for event in WebhookEvent if event in webhook.events),
        created_at=webhook.created_at,
        failing_since=webhook.failing_since,
        disabled_at=webhook.disabled_at,
        disabled_for=webhook.disabled_for,
    )
