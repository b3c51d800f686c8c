"""Delivery of webhook calls: a planner and a sender of the outbox (see services.notifications.dispatch).

Guarantees:
- A call contains only the kind of the event, and the random ids of event and share.
- Each attempt has a new signature, and the same id.
- A URL that answers 410, or fails for three days, gets no more calls until it is registered again.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from deldokument.crypto.webhooks import signature
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import existing
from deldokument.domain.messages.outbox import SENT, Channel, Outcome, OutgoingMessage, again, make_moot, refuse
from deldokument.domain.messages.webhook import WEBHOOK_EVENTS, DisabledFor, Webhook, WebhookEvent
from deldokument.domain.shares.share import Share, Verdict, new_id
from deldokument.domain.tenants.tenancy import Integration
from deldokument.ports.channels import WebhookResponse
from deldokument.ports.dependencies import Dependencies
from deldokument.services.audit.recording import record_event
from deldokument.services.encryption import EncryptedColumn, open_field
from deldokument.services.people import directory_key
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.transaction import Transaction

_GONE = 410
_NAMED = ("document", "recipient")
"""Details of an event whose ids a call contains."""


def plan_webhooks(deps: Dependencies, tx: Transaction, events: Sequence[StoredEvent]) -> Iterator[OutgoingMessage]:
    """Plan a message to each webhook of the share's account that subscribes to the event and existed when it happened.

    A download is reported once, when the whole document has been sent to a person; an inspection only if it has found
    malware. In tenants without webhooks, which are most of them, no share is looked up.
    """
    listening: dict[str, list[Webhook]] = defaultdict(list)
    for webhook, integration in tx.webhooks.of_tenant(existing(events[0].event.tenant_id)):
        listening[integration.account_id].append(webhook)
    for stored in events if listening else ():
        yield from _messages(deps, tx, stored.event, listening)


def _messages(
    deps: Dependencies, tx: Transaction, event: AuditEvent, listening: Mapping[str, Sequence[Webhook]]
) -> Iterator[OutgoingMessage]:
    kind, now = WEBHOOK_EVENTS[event.kind], deps.clock.now()
    recorded = event.details or {}
    if kind is WebhookEvent.INFECTED and recorded.get("verdict") != Verdict.INFECTED:
        return
    share = tx.shares.get(event.share_id) if event.share_id else None
    if share is None or not share.intact or not _is_wanted(kind, event, share):
        return
    details = {"at": event.at.isoformat()}
    details |= {name: str(recorded[name]) for name in _NAMED if recorded.get(name)}
    for webhook in listening.get(share.account_id, ()):
        if kind in webhook.events and webhook.disabled_at is None and webhook.created_at <= event.at:
            yield OutgoingMessage(
                id=new_id(),
                channel=Channel.WEBHOOK,
                kind=kind.value,
                tenant_id=share.tenant_id,
                share_id=share.id,
                target=webhook.id,
                created_at=now,
                due_at=max(now, share.undo_until or now),
                details=details,
            )


def _is_wanted(kind: WebhookEvent, event: AuditEvent, share: Share) -> bool:
    """Return whether the event is reported. Partial downloads are not, nor events of drafts and undone shares."""
    if kind in {WebhookEvent.PUBLISHED, WebhookEvent.REPORT_READY, WebhookEvent.DOCUMENT_REMOVED}:
        return share.published_at is not None and share.published_at <= event.at
    return kind is not WebhookEvent.DOWNLOADED or event.is_download


def send_webhook(deps: Dependencies, message: OutgoingMessage) -> Outcome:
    """Call the webhook, and store on it whether the call succeeded."""
    with deps.database.read() as tx:
        living, share = tx.webhooks.get(message.target), tx.shares.get(message.share_id or "")
    if living is None:
        return make_moot("webhook_removed")
    webhook, integration = living
    # A message is not authenticated: its share may be of another account than the webhook.
    if share is None or not share.intact or share.account_id != integration.account_id:
        return make_moot("share_unproven")
    if webhook.disabled_at is not None:
        return make_moot("webhook_disabled")
    outcome = _call(deps, webhook, integration, message)
    is_disabled = _after(deps, webhook, outcome) != webhook and _keep(deps, message, outcome)
    if outcome.is_success:
        return SENT
    return refuse(outcome.code) if is_disabled else again(outcome.code)


def _call(deps: Dependencies, webhook: Webhook, integration: Integration, message: OutgoingMessage) -> WebhookResponse:
    key = directory_key(deps)
    url = open_field(key, webhook.sealed_url, EncryptedColumn.WEBHOOK_URL, webhook.id)
    secret = open_field(key, webhook.sealed_secret, EncryptedColumn.WEBHOOK_SECRET, webhook.id)
    body = _body(integration, message)
    timestamp = int(deps.clock.now().timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "deldokument",
        "webhook-id": message.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, message.id, timestamp, body),
    }
    return deps.webhook_calls.post(url, headers, body)


def _body(integration: Integration, message: OutgoingMessage) -> bytes:
    body = {
        "id": message.id,
        "type": message.kind,
        "created_at": str(message.details["at"]).replace("+00:00", "Z"),
        "share_id": message.share_id,
        "account_id": integration.account_id,
    }
    body |= {f"{name}_id": str(message.details[name]) for name in _NAMED if name in message.details}
    return json.dumps(body, separators=(",", ":")).encode()


def _after(deps: Dependencies, webhook: Webhook, outcome: WebhookResponse) -> Webhook:
    """Return the webhook, updated with the result of the call."""
    now = deps.clock.now()
    if outcome.is_success:
        return replace(webhook, failing_since=None)
    if outcome.status == _GONE:
        return webhook.disable(now, DisabledFor.GONE)
    if webhook.has_failed_too_long(now):
        return webhook.disable(now, DisabledFor.FAILING)
    return replace(webhook, failing_since=webhook.failing_since or now)


def _keep(deps: Dependencies, message: OutgoingMessage, outcome: WebhookResponse) -> bool:
    """Store the result of the call; return whether the webhook is now disabled, by this call or a concurrent one."""
    with deps.database.write() as tx:
        present = tx.webhooks.lock(message.target)
        if present is None or present[0].disabled_at is not None:
            return True
        after = _after(deps, present[0], outcome)
        tx.webhooks.save(after)
        if after.disabled_for is not None:
            record_event(
                deps,
                tx,
                EventKind.WEBHOOK_DISABLED,
                tenant_id=message.tenant_id,
                account=present[1].account_id,
                integration=after.integration_id,
                webhook=after.id,
                cause=after.disabled_for.value,
            )
    return after.disabled_at is not None
