"""Repository contract: counts of pending work of the worker.

See ports.repositories.transaction for what holds for all repositories.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from deldokument.domain.outbox import Channel


class Queue(StrEnum):
    """The worker's queues other than the outbox. The queue is the state of the rows, not a table."""

    KEYS = "keys"
    """Shares that are over, by time or by a person's action, whose key is not destroyed."""
    BLOBS = "blobs"
    """Shares whose key is destroyed and whose objects are not yet garbage."""
    GARBAGE = "garbage"
    """Objects to delete."""
    INSPECTION = "inspection"
    """Documents of living shares that have not been inspected."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The length of a queue, and since when its first entry waits; None if it is empty."""

    count: int
    since: datetime | None


class Backlog(Protocol):
    """Lengths of the queues, counted with partial indexes that are short when little waits."""

    def waiting(self, now: datetime) -> dict[Queue, Waiting]:
        """Count every queue. A share waits from its end, whether or not a worker has recorded it."""
        ...

    def messages(self, now: datetime) -> dict[Channel, Waiting]:
        """Count, per channel, messages that are due or have been tried; they wait since they were planned."""
        ...
