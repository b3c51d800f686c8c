"""Which events are told to the world outside, by whom each is put into messages, and how each channel sends them.

    PLANS       an event -> messages, in the transaction that follows the chain of events (see outbox)
    SCHEDULED   what time brings instead of an event: rounds that plan what has come to be due
    SENDERS     a channel -> how one of its messages is sent

Adding a message is a line here and a planner beside the use case that it tells of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from deldokument.domain.audit import EventKind
from deldokument.domain.outbox import Channel
from deldokument.domain.webhook import WEBHOOK_EVENTS
from deldokument.ports.dependencies import Dependencies
from deldokument.services.notifications.dispatch import MessagePlanner, Plans, Sender, per_event
from deldokument.services.notifications.email_notices import LETTERS, send_email
from deldokument.services.notifications.recipient_notices import plan_notices, plan_reminders, send_notice
from deldokument.services.notifications.webhook_delivery import plan_webhooks, send_webhook


def _all_of(*tables: Mapping[EventKind, MessagePlanner]) -> Plans:
    plans: dict[EventKind, list[MessagePlanner]] = {}
    for table in tables:
        for kind, planner in table.items():
            plans.setdefault(kind, []).append(planner)
    return plans


PLANNERS: Plans = _all_of(
    {EventKind.SHARE_PUBLISHED: per_event(plan_notices)},
    dict.fromkeys(WEBHOOK_EVENTS, plan_webhooks),
    {kind: per_event(plan) for kind, plan in LETTERS.items()},
)

SCHEDULED: tuple[Callable[[Dependencies], int], ...] = (plan_reminders,)

SENDERS: Mapping[Channel, Sender] = {
    Channel.ALTINN: send_notice,
    Channel.WEBHOOK: send_webhook,
    Channel.EMAIL: send_email,
}
