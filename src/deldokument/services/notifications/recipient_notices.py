"""Notices to recipients: planned when a share is published and before it ends, sent while they apply.

    plan_notices      the share was published: a notice to each recipient
    plan_addition     documents were added: to each recipient, once for all documents of one change
    plan_withdrawal   the share was withdrawn: to each recipient who had a notice of it
    plan_requested    reminders that a sharer requested, to recipients who have not downloaded everything
    send_notice       composes the notice and orders its delivery
    applies           Altinn asks just before delivery whether the notice still applies

Guarantees:
- A recipient who has downloaded every document gets no reminder.
- A waiting notice of the share also covers documents that are added before it is sent.
- No notice is sent about a share that is over or stopped, except about its withdrawal.
- No notice is sent while the publication can be undone.
- Reminders of one order are one message. It is sent if at least one of its shares needs it, and names the tenant only
  if all of them allow that.
- Each notice is checked three times: when it is planned, ordered and delivered, which may be the next morning.

Automatic reminders are planned in `services.notifications.recipient_reminders`.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.domain.errors import Unavailable, existing
from deldokument.domain.identifiers import Identifier, OrganizationNumber
from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.messages.outbox import (
    REPLANNED,
    Channel,
    Cost,
    Outcome,
    OutgoingMessage,
    Result,
    again,
    make_moot,
)
from deldokument.domain.messages.text_messages import message_count
from deldokument.domain.norwegian_time import day_of
from deldokument.domain.shares.policy import hold_reason
from deldokument.domain.shares.share import Recipient, Share, new_id
from deldokument.domain.tenants.tenancy import Account, AccountRules, Tenant
from deldokument.ports.channels import Notice, NoticeKind
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field, stored_identifier
from deldokument.services.notifications.recipient_texts import NoticeText
from deldokument.services.shares.recipients.notice_status import DOWNLOADED, OVER, REMOVED
from deldokument.store.audit.event_rows import StoredEvent
from deldokument.store.transaction import Transaction

CONDITION_PATH = "/varsling/{id}/vilkar"
SHARED_WITH_ME = "/mine"
REMINDERS = {NoticeKind.WEEK_LEFT: timedelta(days=7), NoticeKind.DAY_LEFT: timedelta(days=1)}
"""How long before the end recipients are reminded, the earlier reminder first."""


def plan_notices(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan a notice to each recipient of a published share, or only to an added recipient, if the share is open."""
    share = existing(tx.shares.get(stored.event.share_id or ""))
    now = deps.clock.now()
    if not deps.sends_notices or not share.intact or not share.notify or not share.is_open_at(now):
        return
    added = (stored.event.details or {}).get("recipient")
    for recipient in tx.shares.recipients([share.id]):
        if added in {None, recipient.id}:
            published = existing(share.published_at).isoformat()
            message = notice_message(NoticeKind.SHARED, share.tenant_id, share.id, recipient.id, now, published)
            yield replace(message, due_at=max(now, share.undo_until or now))


def plan_addition(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan a notice about added documents to each recipient of an open share, unless the first notice still waits.

    All documents of one change have events of the same instant, so they share a notice.
    """
    share = existing(tx.shares.get(stored.event.share_id or ""))
    now = deps.clock.now()
    if not deps.sends_notices or not share.intact or not share.notify or not share.is_open_at(now):
        return
    messages = tx.outbox.of_shares([share.id], Channel.ALTINN)
    covered = {one.target for one in messages if not one.is_settled and one.kind not in REMINDERS}
    for recipient in tx.shares.recipients([share.id]):
        if recipient.id not in covered:
            at = stored.event.at.isoformat()
            yield notice_message(NoticeKind.ADDED, share.tenant_id, share.id, recipient.id, now, at)


def plan_withdrawal(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan a notice to each recipient of a withdrawn share to whom a notice of it was sent."""
    share = existing(tx.shares.get(stored.event.share_id or ""))
    if not deps.sends_notices or not share.intact:
        return
    sent = [one for one in tx.outbox.of_shares([share.id], Channel.ALTINN) if one.sent_at]
    for recipient_id in sorted({message.target for message in sent}):
        yield notice_message(NoticeKind.WITHDRAWN, share.tenant_id, share.id, recipient_id, deps.clock.now())


def plan_requested(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan the reminders that a sharer has requested, for recipients who have not downloaded everything."""
    share = existing(tx.shares.get(stored.event.share_id or ""))
    now = deps.clock.now()
    if not deps.sends_notices or not share.intact or not share.is_open_at(now):
        return
    for recipient in tx.shares.recipients([share.id]):
        if not tx.outbox.has_downloaded(recipient.id):
            yield notice_message(NoticeKind.REMINDED, share.tenant_id, share.id, recipient.id, now, f"{stored.number}")


def notice_message(
    kind: NoticeKind, tenant_id: str, share_id: str, recipient_id: str, now: datetime, *occasion: str
) -> OutgoingMessage:
    return OutgoingMessage(
        id=new_id(),
        channel=Channel.ALTINN,
        kind=kind.value,
        details={},
        tenant_id=tenant_id,
        share_id=share_id,
        target=recipient_id,
        created_at=now,
        due_at=now,
        dedup_key=":".join((kind.value, recipient_id, *occasion)),
    )


def send_notice(deps: Dependencies, message: OutgoingMessage) -> Outcome:
    """Order the delivery of the notice, if it still applies. Raises: Unavailable."""
    if deps.notices is None:
        return again("notices_unavailable")
    with deps.database.read() as tx:
        found = _facts(deps, tx, message)
    if isinstance(found, Outcome):
        return found
    notice = _compose(deps, message, found)
    outcome = replace(deps.notices.send(notice), covered=found.covered)
    if outcome.result is not Result.SENT:
        return outcome
    return replace(outcome, cost=Cost(found.rules.sms_cost_code, message_count(notice.text)))


def applies(deps: Dependencies, notice_id: str) -> bool:
    """Return whether the notice must still be delivered: whether one of its shares needs it.

    False if the id is not that of a notice.
    """
    with deps.database.read() as tx:
        single = tx.outbox.get(notice_id)
        messages = tx.outbox.of_order(notice_id) or ([single] if single else [])
        now = deps.clock.now()
        return any(one.channel is Channel.ALTINN and _hindrance(tx, one, now) is None for one in messages)


@dataclass(frozen=True, slots=True)
class _Facts:
    share: Share
    tenant: Tenant
    rules: AccountRules
    recipient: Recipient
    names_tenant: bool
    covered: tuple[OutgoingMessage, ...]
    ends: frozenset[datetime]


def _facts(deps: Dependencies, tx: Transaction, message: OutgoingMessage) -> _Facts | Outcome:
    """Return the facts for the notice's text, or why it must not be sent.

    The order may already have been sent with another message, before this one was due, or while it was stopped.
    """
    now = deps.clock.now()
    if hindrance := _hindrance(tx, message, now):
        return hindrance
    order = tx.outbox.of_order(message.order_id) if message.order_id else []
    if any(one.sent_at for one in order):
        return make_moot(REPLANNED)
    others = [one for one in order if one.id != message.id and not one.is_settled]
    covered = tuple(one for one in others if _hindrance(tx, one, now) is None)
    shares = [_share(tx, one) for one in (message, *covered)]
    tenant, account = _tenancy(tx, shares[0])
    return _Facts(
        shares[0],
        tenant,
        account.rules,
        existing(_recipient(tx, message)),
        all(not share.confidential or _tenancy(tx, share)[1].rules.name_tenant for share in shares),
        covered,
        frozenset(existing(share.expires_at) for share in shares),
    )


def _compose(deps: Dependencies, message: OutgoingMessage, facts: _Facts) -> Notice:
    share, recipient, standard = facts.share, facts.recipient, deps.config.notices
    identifier = _identifier(deps, share, recipient)
    language = _language(deps, identifier)
    text = NoticeText(
        kind=NoticeKind(message.kind),
        recipient=recipient.kind,
        sender=facts.tenant.name if facts.names_tenant else "",
        end=min(facts.ends),
        link=f"{deps.config.public_url}{SHARED_WITH_ME if facts.covered else f'/d/{share.id}'}",
        has_later_ends=len(facts.ends) > 1,
    )
    notice_id = message.order_id or message.id
    return Notice(
        id=notice_id,
        recipient=identifier,
        subject=text.subject(language),
        body=text.body(language),
        text=text.text(language),
        sender=(facts.names_tenant and facts.rules.sms_sender) or standard.sender,
        channel=facts.rules.notice_channel,
        condition_url=deps.config.public_url + CONDITION_PATH.format(id=notice_id),
    )


def _language(deps: Dependencies, recipient: Identifier) -> Language:
    """Return the language that Enhetsregisteret has for an organisation, or the operator's.

    Without a response the operator's is used: the notice must not wait for a language.
    """
    if isinstance(recipient, OrganizationNumber):
        with suppress(Unavailable):
            found = deps.register.find(recipient)
            if found is not None and found.language is not None:
                return found.language
    return deps.config.notices.language


def _hindrance(tx: Transaction, message: OutgoingMessage, now: datetime) -> Outcome | None:
    """Return why the notice must not be delivered, temporarily or for good; None if it may be."""
    share = _share(tx, message)
    if not share.intact or _tenancy(tx, share)[0].behind:
        return again("sharing_stopped")
    if _recipient(tx, message) is None:
        return make_moot(REMOVED)
    if message.kind == NoticeKind.WITHDRAWN:
        return None
    if share.can_be_undone(now):
        return again("undo_window")
    if not share.is_open_at(now):
        return make_moot(OVER)
    if _is_too_soon(message, share, now):
        return make_moot(REPLANNED)
    if tx.outbox.has_downloaded(message.target):
        return make_moot(DOWNLOADED)
    if hold_reason(*_tenancy(tx, share), share):
        return again("sharing_stopped")
    if not all(document.inspected_at for document in tx.shares.documents([share.id])):
        return again("not_inspected")
    return None


def _share(tx: Transaction, message: OutgoingMessage) -> Share:
    return existing(tx.shares.get(existing(message.share_id)))


def _recipient(tx: Transaction, message: OutgoingMessage) -> Recipient | None:
    """Return the recipient of the notice; None if it has been removed from the share."""
    recipients = tx.shares.recipients([existing(message.share_id)])
    return next((one for one in recipients if one.id == message.target), None)


def _is_too_soon(message: OutgoingMessage, share: Share, now: datetime) -> bool:
    """Return whether it is a reminder of an end that has since been postponed to a later day."""
    lead = REMINDERS.get(NoticeKind(message.kind))
    return lead is not None and day_of(existing(share.expires_at) - lead) > day_of(now)


def _tenancy(tx: Transaction, share: Share) -> tuple[Tenant, Account]:
    return existing(tx.tenants.get(share.tenant_id)), existing(tx.accounts.get(share.account_id))


def _identifier(deps: Dependencies, share: Share, recipient: Recipient) -> Identifier:
    key = existing_key(deps.keyring, share.audit_key_id)
    number = open_field(key, recipient.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, recipient.id)
    return stored_identifier(recipient.kind, number)
