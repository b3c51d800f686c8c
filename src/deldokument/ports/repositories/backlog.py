"""What the use cases need to know of what waits for the worker, as a contract: a repository of one transaction.

See ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from deldokument.domain.outbox import Channel


class Queue(StrEnum):
    """What the worker takes from, beside the messages of the outbox. The database's state is the queue."""

    KEYS = "keys"
    """Shares that are over, by the clock or by somebody's wish, whose key has not been destroyed."""
    BLOBS = "blobs"
    """Shares whose key is destroyed and whose objects have not become garbage."""
    GARBAGE = "garbage"
    """Objects to delete."""
    INSPECTION = "inspection"
    """Documents of living shares that nobody has looked at."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait, and since when the first of them does; None when none does, or when nobody knows."""

    count: int
    since: datetime | None


class Backlog(Protocol):
    """What waits, asked of the indexes of what waits, which are short when nothing does."""

    def waiting(self, now: datetime) -> dict[Queue, Waiting]:
        """Every queue. A share waits from the instant that it is over, whether or not a worker has noted that."""
        ...

    def messages(self, now: datetime) -> dict[Channel, Waiting]:
        """Every channel: messages that are due or have been tried, since they were planned."""
        ...
