"""Pending work for the worker, counted with partial indexes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, case, func, literal_column, or_, select, union_all
from sqlalchemy.sql.base import Executable

from deldokument.domain.messages.outbox import Channel
from deldokument.store.engine.column_types import UtcMicros
from deldokument.store.engine.statements import Repository
from deldokument.store.tables.outbox import is_unsettled, outbox
from deldokument.store.tables.shares import (
    document,
    has_key,
    is_available,
    is_uninspected,
    may_have_blobs,
    share,
)
from deldokument.store.tables.uploads import garbage


class Queue(StrEnum):
    """The worker's queues other than the outbox. A queue is a state of rows, not a table."""

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
    """The length of a queue, and the time since which its first entry waits; None if it is empty."""

    count: int
    since: datetime | None


_now = bindparam("now", type_=UtcMicros())
_over_at = case((share.c.state == literal_column("'ended'"), share.c.expires_at), else_=share.c.closed_at)
_over = union_all(
    select(share.c.expires_at.label("at")).where(is_available, share.c.expires_at <= _now),
    select(_over_at.label("at")).where(has_key),
).subquery()
_shares_over = select(func.count(), func.min(_over.c.at)).select_from(_over)
_unreleased = select(func.count(), func.min(share.c.key_destroyed_at)).where(may_have_blobs)
_uninspected = (
    select(func.count(), func.min(document.c.completed_at))
    .join(share)
    .where(is_uninspected, share.c.closed_at.is_(None))
)
_garbage = select(func.count(), func.min(garbage.c.since)).select_from(garbage)
# Since their creation: the time of the next attempt does not show how long a message has waited.
_messages = (
    select(outbox.c.channel, func.count(), func.min(outbox.c.created_at))
    .where(is_unsettled, or_(outbox.c.due_at <= _now, outbox.c.attempts > 0))
    .group_by(outbox.c.channel)
)


class Backlog(Repository):
    """Lengths of the queues, counted with partial indexes of waiting rows."""

    def waiting(self, now: datetime) -> dict[Queue, Waiting]:
        """Return the length of every queue. A share waits from its end, even if no worker has recorded that."""
        return {
            Queue.KEYS: self._one(_shares_over, now),
            Queue.BLOBS: self._one(_unreleased, now),
            Queue.GARBAGE: self._one(_garbage, now),
            Queue.INSPECTION: self._one(_uninspected, now),
        }

    def messages(self, now: datetime) -> dict[Channel, Waiting]:
        """Return, per channel, the messages that are due or have been tried. They wait since they were planned."""
        rows = [tuple(row) for row in self._work.rows(_messages, {"now": now})]
        waiting = {channel: Waiting(count, since) for channel, count, since in rows}
        return dict.fromkeys(Channel, Waiting(0, None)) | waiting

    def _one(self, query: Executable, now: datetime) -> Waiting:
        count, since = list(self._work.rows(query, {"now": now})[0])
        return Waiting(count, since)
