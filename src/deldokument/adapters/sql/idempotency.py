"""Idempotency records of API requests, in a table. Does not know the content of a response."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from deldokument.adapters.sql.statements import Repository, RowMapper, param
from deldokument.adapters.sql.tables.idempotency import answered_request
from deldokument.ports.repositories.idempotency import IdempotencyRecord

_REQUEST = RowMapper(IdempotencyRecord, answered_request)
_by_id = select(*_REQUEST.columns).where(answered_request.c.id == param("key"))
_remove = delete(answered_request).where(answered_request.c.id == param("key"))
_old = (
    select(answered_request.c.id)
    .where(answered_request.c.created_at < param("before"))
    .order_by(answered_request.c.created_at)
    .limit(param("most"))
)


class SqlIdempotencyRecords(Repository):
    """The port ports.repositories.idempotency.IdempotencyRecords in SQL."""

    def lock(self, request_id: bytes) -> IdempotencyRecord | None:
        """Return the record with its row locked.

        If there is none, lock the id with an advisory lock.
        """
        self._work.advisory_lock("answered_request", request_id)
        return _REQUEST.one(self._work.first(self._work.locked(_by_id), {"key": request_id}))

    def save(self, request: IdempotencyRecord) -> None:
        """Insert or replace a record."""
        self._work.insert_or_replace(answered_request, _REQUEST.values(request))

    def remove(self, request_id: bytes) -> None:
        """Delete the record, if it exists."""
        self._work.run(_remove, {"key": request_id})

    def forget(self, created_before: datetime, limit: int) -> int:
        """Delete records created before then, and return their number."""
        return self._work.remove_found(_old, answered_request, {"before": created_before, "most": limit})
