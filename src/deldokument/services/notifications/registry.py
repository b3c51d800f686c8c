"""Registry of the outbound channels. An entry contains everything that differs between channels.

    CHANNELS     a channel -> its entry
    PLANNERS     an event -> the planners of all channels, for ``dispatch.plan_messages``
    SCHEDULERS   planners of all channels that are triggered by time, not by an event

A new channel needs a member of ``domain.messages.outbox.Channel``, an adapter, its own modules here, and an entry.
"""

from collections.abc import Mapping
from typing import Final

from deldokument.domain.audit import EventKind
from deldokument.domain.messages.outbox import Channel
from deldokument.domain.messages.webhook import WEBHOOK_EVENTS
from deldokument.services.notifications.dispatch import ChannelEntry, Plans, Scheduler, per_event
from deldokument.services.notifications.email_notices import LETTERS, send_email
from deldokument.services.notifications.recipient_notices import (
    plan_addition,
    plan_notices,
    plan_requested,
    plan_withdrawal,
    send_notice,
)
from deldokument.services.notifications.recipient_reminders import plan_reminders
from deldokument.services.notifications.webhook_delivery import plan_webhooks, send_webhook

CHANNELS: Final[Mapping[Channel, ChannelEntry]] = {
    Channel.ALTINN: ChannelEntry(
        queue="notices",
        send=send_notice,
        planners={
            EventKind.SHARE_PUBLISHED: per_event(plan_notices),
            EventKind.RECIPIENT_ADDED: per_event(plan_notices),
            EventKind.DOCUMENT_ADDED: per_event(plan_addition),
            EventKind.REMINDER_REQUESTED: per_event(plan_requested),
            EventKind.SHARE_WITHDRAWN: per_event(plan_withdrawal),
        },
        schedulers=(plan_reminders,),
        has_retry_limit=False,
        sent_event=EventKind.RECIPIENT_NOTIFIED,
    ),
    Channel.EMAIL: ChannelEntry(
        queue="email", send=send_email, planners={kind: per_event(plan) for kind, plan in LETTERS.items()}
    ),
    Channel.WEBHOOK: ChannelEntry(
        queue="webhooks", send=send_webhook, planners=dict.fromkeys(WEBHOOK_EVENTS, plan_webhooks)
    ),
}

PLANNERS: Final[Plans] = {
    kind: tuple(entry.planners[kind] for entry in CHANNELS.values() if kind in entry.planners) for kind in EventKind
}
SCHEDULERS: Final[tuple[Scheduler, ...]] = tuple(one for entry in CHANNELS.values() for one in entry.schedulers)
