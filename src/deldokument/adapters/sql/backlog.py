"""Pending work for the worker, counted in partial indexes that contain nothing else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, case, func, literal_column, or_, select, union_all
from sqlalchemy.sql.base import Executable

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.statements import Repository
from deldokument.adapters.sql.tables.bytes import garbage
from deldokument.adapters.sql.tables.outbox import is_unsettled, outbox
from deldokument.adapters.sql.tables.shares import (
    document,
    has_key,
    is_available,
    is_uninspected,
    may_have_blobs,
    share,
)
from deldokument.domain.outbox import Channel
from deldokument.ports.repositories.backlog import Queue, Waiting

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
# Since their creation: the time of the next attempt does not say how long a message has waited.
_messages = (
    select(outbox.c.channel, func.count(), func.min(outbox.c.created_at))
    .where(is_unsettled, or_(outbox.c.due_at <= _now, outbox.c.attempts > 0))
    .group_by(outbox.c.channel)
)


class SqlBacklog(Repository):
    """The port ports.repositories.backlog.Backlog in SQL."""

    def waiting(self, now: datetime) -> dict[Queue, Waiting]:
        """Return the pending work of every queue."""
        return {
            Queue.KEYS: self._one(_shares_over, now),
            Queue.BLOBS: self._one(_unreleased, now),
            Queue.GARBAGE: self._one(_garbage, now),
            Queue.INSPECTION: self._one(_uninspected, now),
        }

    def messages(self, now: datetime) -> dict[Channel, Waiting]:
        """Return the pending messages of every channel."""
        rows = [tuple(row) for row in self._work.rows(_messages, {"now": now})]
        waiting = {channel: Waiting(count, since) for channel, count, since in rows}
        return dict.fromkeys(Channel, Waiting(0, None)) | waiting

    def _one(self, query: Executable, now: datetime) -> Waiting:
        count, since = list(self._work.rows(query, {"now": now})[0])
        return Waiting(count, since)
