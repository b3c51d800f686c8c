"""What the use cases need to know of messages to the world outside, as a contract: a repository of one transaction.

See ports.repositories.transaction for what holds for all repositories, and domain.outbox for the life of a message.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from deldokument.domain.outbox import Channel, OutgoingMessage


@dataclass(frozen=True, slots=True)
class ReminderQuery:
    """Which recipients are to be reminded: those of shares with notices that end later than ``after``, ``until`` then.

    Published ``open_for`` before their end, or earlier. ``channel`` has no message of ``kind`` that was planned after
    ``told_since``.
    """

    channel: Channel
    after: datetime
    until: datetime
    open_for: timedelta
    kind: str
    told_since: datetime


@dataclass(frozen=True, slots=True)
class PendingReminder:
    """A recipient who has not downloaded every document, of a share that is about to end."""

    tenant_id: str
    share_id: str
    recipient_id: str
    expires_at: datetime


class Outbox(Protocol):
    """Messages, and how far each chain of events has been followed in planning them."""

    def chains_ahead(self) -> list[str]:
        """The chains with events that have not been followed."""
        ...

    def cursor(self, chain: str) -> int | None:
        """The number of the last event that was followed; locked until the transaction ends.

        None: somebody else has it.
        """
        ...

    def move_cursor(self, chain: str, number: int) -> None: ...
    def add(self, message: OutgoingMessage) -> bool:
        """False, and nothing changed, when the channel has a message with that dedup_key."""
        ...

    def get(self, message_id: str) -> OutgoingMessage | None: ...
    def is_due(self, channel: Channel, now: datetime) -> bool:
        """Whether the channel has anything to lease."""
        ...

    def lease(
        self, channel: Channel, now: datetime, until: datetime, limit: int, *, busy: Collection[str] = ()
    ) -> list[OutgoingMessage]:
        """Messages that are due, those that were due first first, one for each target; not due before ``until``.

        None for targets that are ``busy``, of which there are few.
        Each has one more attempt. Workers at the same time get different ones.
        """
        ...

    def sent(self, message_id: str, now: datetime) -> bool:
        """False, and nothing changed, when it is settled."""
        ...

    def give_up(self, message_id: str, now: datetime, code: str) -> bool:
        """False, and nothing changed, when it is settled."""
        ...

    def postpone(self, message: OutgoingMessage, due_at: datetime, code: str) -> None:
        """Not due before then; unless it is settled, or has been leased again since it was ``message``."""
        ...

    def repeat(self, message_id: str, now: datetime) -> None:
        """Send it once more, now, under the same id, as if it had not been tried. Raises NotFound."""
        ...

    def of_target(
        self, channel: Channel, target: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[OutgoingMessage]:
        """The newest first; ``before`` continues after that time of planning and id."""
        ...

    def of_shares(self, share_ids: Collection[str], channel: Channel) -> list[OutgoingMessage]:
        """In the order in which they were planned."""
        ...

    def unreminded(self, wanted: ReminderQuery, *, limit: int) -> list[PendingReminder]:
        """Recipients with a document that nobody has downloaded for them. Those whose share ends first first."""
        ...

    def has_downloaded(self, recipient_id: str) -> bool:
        """Whether every document of the share was downloaded for the recipient. See domain.share.progress_of."""
        ...

    def forget(self, created_before: datetime, limit: int) -> int:
        """Remove messages of no share that were planned before then and are settled; how many."""
        ...
