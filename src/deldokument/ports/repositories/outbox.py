"""Repository contract: transactional outbox and its cursors.

See ports.repositories.transaction for what holds for all repositories, and domain.outbox for the states of a message.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from deldokument.domain.outbox import Channel, Cost, OutgoingMessage


@dataclass(frozen=True, slots=True)
class ReminderQuery:
    """Which recipients to remind: those of shares with notices that end after ``after``, at ``until`` at the latest.

    The shares were published ``open_for`` before their end, or earlier. ``channel`` has no message of ``kind`` to the
    recipient that was planned for a time after ``told_since``, unless it was REPLANNED.
    """

    channel: Channel
    after: datetime
    until: datetime
    open_for: timedelta
    kind: str
    told_since: datetime


@dataclass(frozen=True, slots=True)
class PendingReminder:
    """A recipient of a share that ends soon, for whom not every document was downloaded.

    ``sealed_identifier`` is encrypted with the audit key.
    """

    tenant_id: str
    share_id: str
    recipient_id: str
    expires_at: datetime
    audit_key_id: str
    sealed_identifier: bytes


class Outbox(Protocol):
    """Messages, and for each event chain the cursor: the last event for which messages were planned.

    A message is settled once it is sent or abandoned.
    """

    def chains_ahead(self) -> list[str]:
        """Return the chains with events after their cursor."""
        ...

    def cursor(self, chain: str) -> int | None:
        """Return the number at the cursor, its row locked until the transaction ends.

        None: another worker has locked it.
        """
        ...

    def move_cursor(self, chain: str, number: int) -> None: ...
    def add(self, message: OutgoingMessage) -> bool:
        """Insert the message; False, with no change, if the channel has a message with that dedup_key."""
        ...

    def get(self, message_id: str) -> OutgoingMessage | None: ...
    def is_due(self, channel: Channel, now: datetime) -> bool:
        """Return whether the channel has a message to lease."""
        ...

    def lease(
        self, channel: Channel, now: datetime, until: datetime, limit: int, *, busy: Collection[str] = ()
    ) -> list[OutgoingMessage]:
        """Lease due messages until then: longest due first, one per target, none for targets in ``busy``.

        Counts one more attempt for each. Concurrent workers get different messages. ``busy`` is short.
        """
        ...

    def sent(self, message_id: str, now: datetime, cost: Cost | None = None) -> bool:
        """Record that the message was sent, and its cost; False, with no change, if it is settled."""
        ...

    def give_up(self, message_id: str, now: datetime, code: str) -> bool:
        """Abandon the message; False, with no change, if it is settled."""
        ...

    def postpone(self, message: OutgoingMessage, due_at: datetime, code: str) -> None:
        """Set when the message is due next.

        Does nothing if it is settled, or was leased again since it was read as ``message``.
        """
        ...

    def repeat(self, message_id: str, now: datetime) -> None:
        """Make the message due now under the same id, with no attempts counted. Raises: NotFound."""
        ...

    def of_target(
        self, channel: Channel, target: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[OutgoingMessage]:
        """Return the target's messages, newest first; ``before`` continues after that time of planning and id."""
        ...

    def drop_waiting(self, share_id: str) -> None:
        """Remove the messages about a share that are not settled."""
        ...

    def of_shares(self, share_ids: Collection[str], channel: Channel) -> list[OutgoingMessage]:
        """Return the shares' messages in the order in which they were planned."""
        ...

    def of_order(self, order_id: str) -> list[OutgoingMessage]:
        """Return the messages that are delivered as one."""
        ...

    def unreminded(self, wanted: ReminderQuery, *, limit: int) -> list[PendingReminder]:
        """Return recipients for whom a document was not downloaded, earliest end of share first."""
        ...

    def has_downloaded(self, recipient_id: str) -> bool:
        """Return whether every document of the share was downloaded for the recipient. See domain.share.progress_of."""
        ...

    def forget(self, created_before: datetime, limit: int) -> int:
        """Remove settled messages of no share that were planned before then, and return how many."""
        ...
