"""Transactional outbox in tables, with the cursors for planning messages.

Guarantees:
- Concurrent workers get different messages. Only one at a time plans messages for a chain.
- No message of a tenant that is behind is leased.
- A lease contains one message per target, so that a slow or unreachable target does not fill a round.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from deldokument.domain.errors import existing
from deldokument.domain.messages.outbox import REPLANNED, Channel, Cost, OutgoingMessage
from deldokument.store.engine.column_types import DurationMicros, UtcMicros
from deldokument.store.engine.expressions import InList, is_current
from deldokument.store.engine.statements import Repository, RowMapper, param
from deldokument.store.tables.audit import audit_head
from deldokument.store.tables.outbox import is_unsettled, outbox, outbox_cursor
from deldokument.store.tables.shares import (
    document,
    is_available,
    is_named,
    is_pending,
    receipt,
    recipient,
    share,
)


@dataclass(frozen=True, slots=True)
class ReminderQuery:
    """Query for recipients to remind: of shares with notices that end after ``after`` and not later than ``until``.

    The shares were published at least ``open_for`` before their end. Recipients are left out if ``channel`` has a
    message of ``kind`` to them that is planned for a time after ``notified_since``, unless it was REPLANNED.
    """

    channel: Channel
    after: datetime
    until: datetime
    open_for: timedelta
    kind: str
    notified_since: datetime


@dataclass(frozen=True, slots=True)
class PendingReminder:
    """A recipient of a share that ends soon, who has documents left to download.

    ``sealed_identifier`` is encrypted with the audit key.
    """

    tenant_id: str
    share_id: str
    recipient_id: str
    expires_at: datetime
    audit_key_id: str
    sealed_identifier: bytes


_MESSAGE = RowMapper(OutgoingMessage, outbox)

_key, _most = param("key"), param("most")
_now = bindparam("now", type_=UtcMicros())

_ahead = (
    select(audit_head.c.chain)
    .outerjoin(outbox_cursor, outbox_cursor.c.chain == audit_head.c.chain)
    .where(audit_head.c.number > func.coalesce(outbox_cursor.c.number, 0))
    .order_by(audit_head.c.chain)
)
_cursor = select(outbox_cursor).where(outbox_cursor.c.chain == _key)
_move_cursor = update(outbox_cursor).where(outbox_cursor.c.chain == _key).values(number=param("moved_to"))

_add = insert(outbox)
_get = select(*_MESSAGE.columns).where(outbox.c.id == _key)
_other = outbox.alias("other")
_is_due_before_it = and_(
    _other.c.sent_at.is_(None),
    _other.c.given_up_at.is_(None),
    _other.c.channel == outbox.c.channel,
    _other.c.target == outbox.c.target,
    _other.c.due_at <= _now,
    or_(_other.c.due_at < outbox.c.due_at, and_(_other.c.due_at == outbox.c.due_at, _other.c.id < outbox.c.id)),
)
_due = (
    select(*_MESSAGE.columns)
    .where(
        is_unsettled,
        outbox.c.channel == param("channel"),
        outbox.c.due_at <= _now,
        is_current(outbox.c.tenant_id),
        ~exists().where(_is_due_before_it),
    )
    .order_by(outbox.c.due_at, outbox.c.id)
    .limit(_most)
)
_any_due = (
    select(outbox.c.id)
    .where(is_unsettled, outbox.c.channel == param("channel"), outbox.c.due_at <= _now, is_current(outbox.c.tenant_id))
    .limit(1)
)
_is_it = and_(outbox.c.id == _key, is_unsettled)
_lease = (
    update(outbox)
    .where(InList(outbox.c.id, "keys"))
    .values(attempts=outbox.c.attempts + 1, due_at=bindparam("until", type_=UtcMicros()))
)
_sent = (
    update(outbox)
    .where(_is_it)
    .values(sent_at=_now, last_error="", cost_code=param("its_code"), messages=param("its_messages"))
)
_give_up = update(outbox).where(_is_it).values(given_up_at=_now, last_error=param("code"))
_postpone = (
    update(outbox)
    .where(_is_it, outbox.c.attempts == param("known_attempts"))
    .values(due_at=bindparam("until", type_=UtcMicros()), last_error=param("code"))
)
_drop = delete(outbox).where(outbox.c.share_id == _key, is_unsettled)
_repeat = (
    update(outbox)
    .where(outbox.c.id == _key)
    .values(due_at=_now, attempts=0, sent_at=None, given_up_at=None, last_error="")
)
_of_shares = select(*_MESSAGE.columns).where(InList(outbox.c.share_id, "keys"), outbox.c.channel == param("channel"))
_of_order = select(*_MESSAGE.columns).where(outbox.c.order_id == _key)
_of_target = (
    select(*_MESSAGE.columns)
    .where(outbox.c.channel == param("channel"), outbox.c.target == _key)
    .order_by(outbox.c.created_at.desc(), outbox.c.id.desc())
    .limit(_most)
)
# Counts as domain.shares.share.progress_of does: a recipient has downloaded when every document is at least sent.
_was_downloaded = (
    exists()
    .where(
        receipt.c.share_id == document.c.share_id,
        receipt.c.document_id == document.c.id,
        receipt.c.recipient_id == recipient.c.id,
        or_(receipt.c.completed_at.is_not(None), receipt.c.confirmed_at.is_not(None)),
    )
    .correlate(document, recipient)
)
_has_any_left = exists().where(document.c.share_id == recipient.c.share_id, ~is_pending, ~_was_downloaded)
_downloaded = select(recipient.c.id).where(recipient.c.id == _key, ~_has_any_left)
_published, _end = type_coerce(share.c.published_at, BigInteger), type_coerce(share.c.expires_at, BigInteger)
_unreminded = (
    select(
        share.c.tenant_id,
        share.c.id.label("share_id"),
        recipient.c.id.label("recipient_id"),
        share.c.expires_at,
        share.c.audit_key_id,
        recipient.c.sealed_identifier,
    )
    .join_from(share, recipient)
    .where(
        is_available,
        is_named,
        share.c.notify,
        share.c.expires_at > bindparam("after", type_=UtcMicros()),
        share.c.expires_at <= bindparam("until", type_=UtcMicros()),
        _published + bindparam("open_for", type_=DurationMicros()) <= _end,
        _has_any_left,
        ~exists().where(
            outbox.c.channel == param("channel"),
            outbox.c.target == recipient.c.id,
            outbox.c.kind == param("kind"),
            outbox.c.created_at > bindparam("notified_since", type_=UtcMicros()),
            outbox.c.last_error != REPLANNED,
        ),
    )
    .order_by(share.c.expires_at, recipient.c.id)
    .limit(_most)
)
_earlier = tuple_(outbox.c.created_at, outbox.c.id) < tuple_(bindparam("at", type_=UtcMicros()), param("id_before"))
_spent = (
    select(outbox.c.id).where(outbox.c.share_id.is_(None), ~is_unsettled, outbox.c.created_at < param("before"))
).limit(_most)


class Outbox(Repository):
    """Messages, and for each event chain the cursor: the last event for which messages were planned.

    A message is settled once it is sent or abandoned.
    """

    def chains_ahead(self) -> list[str]:
        """Return the chains with events after their cursor."""
        return [row.chain for row in self._work.rows(_ahead)]

    def cursor(self, chain: str) -> int | None:
        """Return the cursor of a chain, locked, and created if missing. Waits for a concurrent creation.

        Returns None, without waiting, while another worker processes the chain.
        """
        self._work.insert_once(outbox_cursor, {"chain": chain, "number": 0})
        row = self._work.first(self._work.skip_locked(_cursor, outbox_cursor), {"key": chain})
        return row.number if row else None

    def move_cursor(self, chain: str, number: int) -> None:
        """Record that events up to that number have been processed."""
        self._work.change(_move_cursor, {"key": chain, "moved_to": number}, "cursor")

    def add(self, message: OutgoingMessage) -> bool:
        """Insert the message; False, with no change, if the channel has a message with that dedup_key."""
        if message.dedup_key is not None:
            return self._work.insert_once(outbox, _MESSAGE.values(message))
        self._work.run(_add, _MESSAGE.values(message))
        return True

    def get(self, message_id: str) -> OutgoingMessage | None:
        """Return the message, or None."""
        return _MESSAGE.one(self._work.first(_get, {"key": message_id}))

    def is_due(self, channel: Channel, now: datetime) -> bool:
        """Return whether the channel has a message to lease now."""
        return self._work.first(_any_due, {"channel": channel, "now": now} | self._work.held) is not None

    def lease(
        self, channel: Channel, now: datetime, until: datetime, limit: int, *, busy: Collection[str] = ()
    ) -> list[OutgoingMessage]:
        """Lease due messages until ``until``: longest due first, one per target, none for targets in ``busy``.

        Counts one more attempt for each. Concurrent workers get different messages. ``busy`` is short.
        """
        of_others = _due.where(outbox.c.target.not_in(list(busy))) if busy else _due
        due = self._work.skip_locked(of_others, outbox)
        values = {"channel": channel, "now": now, "most": limit} | self._work.held
        keys = [row.id for row in self._work.rows(due, values)]
        if not keys:
            return []
        self._work.run(_lease, {"keys": keys, "until": until})
        return [existing(self.get(key)) for key in keys]

    def sent(self, message_id: str, now: datetime, cost: Cost | None = None) -> bool:
        """Record that the message was sent, and its cost; False, with no change, if it is settled."""
        paid = cost or Cost("", 0)
        values = {"key": message_id, "now": now, "its_code": paid.cost_code, "its_messages": paid.messages}
        return self._work.count(_sent, values) == 1

    def give_up(self, message_id: str, now: datetime, code: str) -> bool:
        """Abandon the message; False, with no change, if it is settled."""
        return self._work.count(_give_up, {"key": message_id, "now": now, "code": code}) == 1

    def postpone(self, message: OutgoingMessage, due_at: datetime, code: str) -> None:
        """Set the next due time of a message.

        Does nothing if it is settled, or was leased again after ``message`` was read.
        """
        values = {"key": message.id, "known_attempts": message.attempts, "until": due_at, "code": code}
        self._work.count(_postpone, values)

    def repeat(self, message_id: str, now: datetime) -> None:
        """Make the message due now, with the same id and no attempts. Raises: NotFound."""
        self._work.change(_repeat, {"key": message_id, "now": now}, "message")

    def drop_waiting(self, share_id: str) -> None:
        """Remove the unsettled messages about a share."""
        self._work.run(_drop, {"key": share_id})

    def of_shares(self, share_ids: Collection[str], channel: Channel) -> list[OutgoingMessage]:
        """Return the shares' messages in the order in which they were planned."""
        found = _MESSAGE.all(self._work.rows_in_batches(_of_shares, "keys", share_ids, channel=channel))
        return sorted(found, key=lambda message: (message.created_at, message.id))

    def of_order(self, order_id: str) -> list[OutgoingMessage]:
        """Return the messages that are sent as this order."""
        return _MESSAGE.all(self._work.rows(_of_order, {"key": order_id}))

    def pending_reminders(self, wanted: ReminderQuery, *, limit: int) -> list[PendingReminder]:
        """Return recipients with documents left to download, earliest end of share first."""
        rows = self._work.rows(_unreminded, {**asdict(wanted), "most": limit})
        return [PendingReminder(**row._mapping) for row in rows]

    def has_downloaded(self, recipient_id: str) -> bool:
        """Return whether every document was downloaded for the recipient, as in `domain.shares.share.progress_of`."""
        return self._work.first(_downloaded, {"key": recipient_id}) is not None

    def of_target(
        self, channel: Channel, target: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[OutgoingMessage]:
        """Return the target's messages, newest first; ``before`` continues after that time of planning and id."""
        values = {"channel": channel, "key": target, "most": limit}
        if before is None:
            return _MESSAGE.all(self._work.rows(_of_target, values))
        at, key = before
        return _MESSAGE.all(self._work.rows(_of_target.where(_earlier), values | {"at": at, "id_before": key}))

    def forget(self, created_before: datetime, limit: int) -> int:
        """Remove settled messages without a share that were planned before ``created_before``; return their number."""
        return self._work.remove_found(_spent, outbox, {"before": created_before, "most": limit})
