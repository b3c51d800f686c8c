"""Notices to recipients: planned when a share is published and before it ends, sent while they apply.

    plan_notices      the share was published: a notice to each recipient
    plan_addition     documents were added: to each recipient, once for all documents of one change
    plan_withdrawal   the share was withdrawn: to each recipient who had a notice of it
    plan_requested    reminders that a sharer requested, to recipients who have not downloaded everything
    plan_reminders    a week and a day before the end: to each recipient who has not downloaded everything
    send_notice       composes the notice and orders its delivery
    applies           answers Altinn, which asks just before delivery

Guarantees:
- A recipient who has downloaded every document gets no reminder.
- A notice of the share that still waits covers the documents that are added meanwhile.
- Nobody gets a notice of a share that is over or stopped, except that it was withdrawn.
- No notice is sent while the publication can be undone.
- A reminder follows the end when it is moved: it is planned when it is due, by the end at that time.
- Each notice is checked three times: when it is planned, ordered and delivered, which may be the next morning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deldokument.domain.email_addresses import Language
from deldokument.domain.errors import Unavailable, existing
from deldokument.domain.identifiers import Identifier, OrganizationNumber
from deldokument.domain.outbox import Channel, Cost, Outcome, OutgoingMessage, Result, again, moot
from deldokument.domain.policy import hold_reason
from deldokument.domain.share import Recipient, Share, new_id
from deldokument.domain.tenancy import Account, AccountRules, Tenant
from deldokument.domain.text_messages import message_count
from deldokument.ports.channels import Notice, NoticeKind
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.repositories.audit import StoredEvent
from deldokument.ports.repositories.outbox import ReminderQuery
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.encryption import EncryptedColumn, existing_key, open_field, stored_identifier
from deldokument.services.notifications.recipient_texts import NoticeText
from deldokument.services.shares.notice_status import ADDITION, DOWNLOADED, OVER, REMOVED, WITHDRAWAL, notice_kind

CONDITION_PATH = "/varsling/{id}/vilkar"
REMINDERS = {NoticeKind.WEEK_LEFT: timedelta(days=7), NoticeKind.DAY_LEFT: timedelta(days=1)}
"""How long before the end recipients are reminded, the earlier reminder first."""
GRACE = timedelta(days=1)
"""Minimum time from publication to a reminder."""
_BATCH = 500


def plan_notices(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan a notice to each recipient of a published share, or to the one that was added, while it is open."""
    share = existing(tx.shares.get(stored.event.share_id or ""))
    now = deps.clock.now()
    if deps.notices is None or not share.intact or not share.notify or not share.is_open_at(now):
        return
    added = (stored.event.details or {}).get("recipient")
    for recipient in tx.shares.recipients([share.id]):
        if added in {None, recipient.id}:
            published = existing(share.published_at).isoformat()
            message = _message(NoticeKind.SHARED, share.tenant_id, share.id, recipient.id, now, published)
            yield replace(message, due_at=max(now, share.undo_until or now))


def plan_addition(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan a notice about added documents to each recipient of an open share, unless the first notice still waits.

    All documents of one change have events of one instant, and so one notice.
    """
    share = existing(tx.shares.get(stored.event.share_id or ""))
    now = deps.clock.now()
    if deps.notices is None or not share.intact or not share.notify or not share.is_open_at(now):
        return
    messages = tx.outbox.of_shares([share.id], Channel.ALTINN)
    covered = {one.target for one in messages if one.sent_at is None and one.given_up_at is None}
    for recipient in tx.shares.recipients([share.id]):
        if recipient.id not in covered:
            at = stored.event.at.isoformat()
            yield _message(NoticeKind.ADDED, share.tenant_id, share.id, recipient.id, now, at)


def plan_withdrawal(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan a notice to each recipient of a withdrawn share to whom a notice of it was sent."""
    share = existing(tx.shares.get(stored.event.share_id or ""))
    if deps.notices is None or not share.intact:
        return
    sent = [one for one in tx.outbox.of_shares([share.id], Channel.ALTINN) if one.sent_at]
    for recipient_id in sorted({message.target for message in sent}):
        yield _message(NoticeKind.WITHDRAWN, share.tenant_id, share.id, recipient_id, deps.clock.now())


def plan_requested(deps: Dependencies, tx: Transaction, stored: StoredEvent) -> Iterator[OutgoingMessage]:
    """Plan the reminders that a sharer has asked for, to the recipients who have not downloaded everything."""
    share = existing(tx.shares.get(stored.event.share_id or ""))
    now = deps.clock.now()
    if deps.notices is None or not share.intact or not share.is_open_at(now):
        return
    for recipient in tx.shares.recipients([share.id]):
        if not tx.outbox.has_downloaded(recipient.id):
            yield _message(NoticeKind.REMINDED, share.tenant_id, share.id, recipient.id, now, f"{stored.number}")


def plan_reminders(deps: Dependencies) -> int:
    """Plan the reminders that are due; return how many. One round."""
    if deps.notices is None:
        return 0
    return sum(_plan_reminders(deps, kind) for kind in REMINDERS)


def _plan_reminders(deps: Dependencies, kind: NoticeKind) -> int:
    """Plan the reminders of one kind, except those that another worker has planned for the same end."""
    now, lead = deps.clock.now(), REMINDERS[kind]
    sooner = max((other for other in REMINDERS.values() if other < lead), default=timedelta())
    wanted = ReminderQuery(Channel.ALTINN, now + sooner, now + lead, lead + GRACE, kind, now - lead)
    with deps.database.read() as tx:
        due = tx.outbox.unreminded(wanted, limit=_BATCH)
    if not due:
        return 0
    with deps.database.write() as tx:
        return sum(
            tx.outbox.add(
                _message(kind, one.tenant_id, one.share_id, one.recipient_id, now, one.expires_at.isoformat())
            )
            for one in due
        )


def _message(
    kind: NoticeKind, tenant_id: str, share_id: str, recipient_id: str, now: datetime, *occasion: str
) -> OutgoingMessage:
    # Version 0.2.0 runs beside this one during an upgrade, and cannot show a kind that it does not know.
    detail = {NoticeKind.WITHDRAWN: WITHDRAWAL, NoticeKind.ADDED: ADDITION}.get(kind)
    return OutgoingMessage(
        id=new_id(),
        channel=Channel.ALTINN,
        kind=(NoticeKind.SHARED if detail else kind).value,
        details={detail: 1} if detail else {},
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
    outcome = deps.notices.send(notice)
    if outcome.result is not Result.SENT:
        return outcome
    return replace(outcome, cost=Cost(found.rules.sms_cost_code, message_count(notice.text)))


def applies(deps: Dependencies, message_id: str) -> bool:
    """Return whether the notice must still be delivered; False if the id is not that of a notice."""
    with deps.database.read() as tx:
        message = tx.outbox.get(message_id)
        if message is None or message.channel is not Channel.ALTINN:
            return False
        share = existing(tx.shares.get(message.share_id or ""))
        return _hindrance(tx, message, share, deps.clock.now()) is None


@dataclass(frozen=True, slots=True)
class _Facts:
    share: Share
    tenant: Tenant
    rules: AccountRules
    recipient: Recipient

    @property
    def names_tenant(self) -> bool:
        return not self.share.confidential or self.rules.name_tenant


def _facts(deps: Dependencies, tx: Transaction, message: OutgoingMessage) -> _Facts | Outcome:
    share = existing(tx.shares.get(message.share_id or ""))
    if hindrance := _hindrance(tx, message, share, deps.clock.now()):
        return hindrance
    tenant, account = _tenancy(tx, share)
    return _Facts(share, tenant, account.rules, existing(_recipient(tx, message)))


def _compose(deps: Dependencies, message: OutgoingMessage, facts: _Facts) -> Notice:
    share, recipient, standard = facts.share, facts.recipient, deps.config.notices
    identifier = _identifier(deps, share, recipient)
    language = _language(deps, identifier)
    text = NoticeText(
        kind=notice_kind(message),
        recipient=recipient.kind,
        sender=facts.tenant.name if facts.names_tenant else "",
        end=existing(share.expires_at),
        link=f"{deps.config.public_url}/d/{share.id}",
    )
    return Notice(
        id=message.id,
        recipient=identifier,
        subject=text.subject(language),
        body=text.body(language),
        text=text.text(language),
        sender=(facts.names_tenant and facts.rules.sms_sender) or standard.sender,
        channel=facts.rules.notice_channel,
        condition_url=deps.config.public_url + CONDITION_PATH.format(id=message.id),
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


def _hindrance(tx: Transaction, message: OutgoingMessage, share: Share, now: datetime) -> Outcome | None:
    """Return why the notice must not be delivered, for now or for good; None if it may be."""
    if not share.intact:
        return again("sharing_stopped")
    if _recipient(tx, message) is None:
        return moot(REMOVED)
    if notice_kind(message) is NoticeKind.WITHDRAWN:
        return None
    if share.can_be_undone(now):
        return again("undo_window")
    if not share.is_open_at(now) or _is_too_soon(message, share, now):
        return moot(OVER)
    if tx.outbox.has_downloaded(message.target):
        return moot(DOWNLOADED)
    if hold_reason(*_tenancy(tx, share), share):
        return again("sharing_stopped")
    if not all(document.inspected_at for document in tx.shares.documents([share.id])):
        return again("not_inspected")
    return None


def _recipient(tx: Transaction, message: OutgoingMessage) -> Recipient | None:
    """Return the recipient of the notice; None if it has been removed from the share."""
    recipients = tx.shares.recipients([existing(message.share_id)])
    return next((one for one in recipients if one.id == message.target), None)


def _is_too_soon(message: OutgoingMessage, share: Share, now: datetime) -> bool:
    """Return whether it reminds of an end that has been postponed since. A new reminder is planned for the new end."""
    lead = REMINDERS.get(NoticeKind(message.kind))
    return lead is not None and existing(share.expires_at) - now > lead


def _tenancy(tx: Transaction, share: Share) -> tuple[Tenant, Account]:
    return existing(tx.tenants.get(share.tenant_id)), existing(tx.accounts.get(share.account_id))


def _identifier(deps: Dependencies, share: Share, recipient: Recipient) -> Identifier:
    key = existing_key(deps.keyring, share.audit_key_id)
    number = open_field(key, recipient.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, recipient.id)
    return stored_identifier(recipient.kind, number)
