"""Reminders to recipients, a week and a day before the end, planned up to two days ahead.

Guarantees:
- All reminders from a tenant to a recipient on a Norwegian day have the same order id, and are sent as one message.
- That message is due when the first of them is due.
- A reminder that becomes due after that message was sent joins the message of the next day.
- The order id is a keyed hash. It cannot be recomputed once the audit keys of its month are destroyed.
- Recipients to whom everything was sent are left out.

They are planned ahead, because all reminders of an order must exist before its day begins. A reminder whose end is
moved is REPLANNED when it is due.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.fields import lookup_hash
from deldokument.domain.messages.outbox import Channel, OutgoingMessage
from deldokument.domain.norwegian_time import OSLO, day_of, start_of
from deldokument.ports.channels import NoticeKind
from deldokument.ports.dependencies import Dependencies
from deldokument.services.encryption import EncryptedColumn, audit_key_id, open_field, readable_keys
from deldokument.services.notifications.recipient_notices import REMINDERS, notice_message
from deldokument.store.outbox.outbox import PendingReminder, ReminderQuery
from deldokument.store.transaction import Transaction

GRACE = timedelta(days=1)
"""Minimum time from publication to a reminder."""
GATHERING = timedelta(seconds=30)
"""How long a late reminder waits for the others of its day, for example after an outage of the worker."""
_BATCH = 500
_DAY = timedelta(days=1)


def plan_reminders(deps: Dependencies) -> int:
    """Plan the reminders that are due today or tomorrow; return their number. One round."""
    if not deps.sends_notices:
        return 0
    return sum(_plan(deps, kind) for kind in REMINDERS)


def _plan(deps: Dependencies, kind: NoticeKind) -> int:
    """Plan the reminders of one kind, except those that another worker has planned for the same end."""
    now = deps.clock.now()
    wanted = _query(kind, now)
    # Checked first in a read transaction: a round without reminders must not make writers wait.
    with deps.database.read() as tx:
        if not tx.outbox.pending_reminders(wanted, limit=1):
            return 0
    with deps.database.write() as tx:
        due = tx.outbox.pending_reminders(wanted, limit=_BATCH)
        orders = _Orders(deps, tx, due)
        return sum(tx.outbox.add(_reminder(orders, kind, one, now)) for one in due)


def _query(kind: NoticeKind, now: datetime) -> ReminderQuery:
    """Return the query for reminders of this kind that are due before the end of tomorrow.

    If a share ends so soon that the later reminder is due as well, only that one is planned.
    """
    lead, ahead = REMINDERS[kind], start_of(day_of(now) + 2 * _DAY)
    sooner = [ahead + other for other in REMINDERS.values() if other < lead]
    return ReminderQuery(Channel.ALTINN, max(sooner, default=now), ahead + lead, lead + GRACE, kind, now - lead)


class _Orders:
    """Order ids of some reminders. Reads each key once."""

    def __init__(self, deps: Dependencies, tx: Transaction, due: Sequence[PendingReminder]) -> None:
        self._deps, self._tx = deps, tx
        self._keys = readable_keys(deps.keyring, {one.audit_key_id for one in due})
        self._months: dict[str, bytes] = {}

    def place(self, one: PendingReminder, due: datetime) -> tuple[str | None, datetime]:
        """Return the order id for the reminder's day, and when it is due in it; the next day's if that order is sent.

        None if the recipient's number cannot be decrypted: then the reminder is sent alone.
        """
        order_id = self._id(one, day_of(due))
        if order_id is None:
            return None, due
        if any(message.sent_at for message in self._tx.outbox.of_order(order_id)):
            return self.place(one, start_of(day_of(due) + _DAY))
        return order_id, due

    def _id(self, one: PendingReminder, day: date) -> str | None:
        key, number = self._keys.get(one.audit_key_id), ""
        if key is not None:
            with suppress(IntegrityError):
                number = open_field(key, one.sealed_identifier, EncryptedColumn.RECIPIENT_NUMBER, one.recipient_id)
        if not number:
            return None
        month = audit_key_id(one.tenant_id, datetime.combine(day, time(12), OSLO))
        if month not in self._months:
            self._months[month] = self._deps.keyring.create(month)
        return lookup_hash(self._months[month], "reminder", f"{number} {day}")[:16].hex()


def _reminder(orders: _Orders, kind: NoticeKind, one: PendingReminder, now: datetime) -> OutgoingMessage:
    due = one.expires_at - REMINDERS[kind]
    order_id, due = orders.place(one, due if due >= now else now + GATHERING)
    occasion = (one.expires_at.isoformat(), order_id or "")
    message = notice_message(kind, one.tenant_id, one.share_id, one.recipient_id, due, *occasion)
    return replace(message, order_id=order_id)
