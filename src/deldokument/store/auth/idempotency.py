"""Idempotency records of API requests, in a table."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Index, Table, delete, select

from deldokument.store.engine.column_types import StoredBytes, UtcMicros
from deldokument.store.engine.schema import Id, metadata, sealed
from deldokument.store.engine.statements import Repository, RowMapper, param


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """An API request with an idempotency key.

    ``id`` is a keyed hash of caller and key, ``fingerprint`` of the request. ``new_id`` is the id of the record that it
    creates. The lease ends at ``leased_until``. ``sealed_answer`` is empty until the request has completed.
    """

    id: bytes
    fingerprint: bytes
    new_id: str
    created_at: datetime
    leased_until: datetime
    sealed_answer: bytes = b""


answered_request = Table(
    "answered_request",
    metadata,
    Column("id", StoredBytes, primary_key=True),
    Column("fingerprint", StoredBytes, nullable=False),
    Column("new_id", Id, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("leased_until", UtcMicros, nullable=False),
    sealed("sealed_answer"),
)

Index("ix_answered_request_created_at", answered_request.c.created_at)

_REQUEST = RowMapper(IdempotencyRecord, answered_request)
_by_id = select(*_REQUEST.columns).where(answered_request.c.id == param("key"))
_remove = delete(answered_request).where(answered_request.c.id == param("key"))
_old = (
    select(answered_request.c.id)
    .where(answered_request.c.created_at < param("before"))
    .order_by(answered_request.c.created_at)
    .limit(param("most"))
)


class IdempotencyRecords(Repository):
    """Idempotency records of the last day."""

    def lock(self, request_id: bytes) -> IdempotencyRecord | None:
        """Return the record, its row locked. If there is none, no other transaction can add it before this one ends."""
        self._work.advisory_lock("answered_request", request_id)
        return _REQUEST.one(self._work.first(self._work.with_row_locks(_by_id), {"key": request_id}))

    def save(self, request: IdempotencyRecord) -> None:
        """Insert the record, or replace the record with the same id."""
        self._work.insert_or_replace(answered_request, _REQUEST.values(request))

    def remove(self, request_id: bytes) -> None:
        """Remove the record, if it exists."""
        self._work.run(_remove, {"key": request_id})

    def forget(self, created_before: datetime, limit: int) -> int:
        """Remove records created before an instant, the oldest first; return their number."""
        return self._work.remove_found(_old, answered_request, {"before": created_before, "most": limit})
