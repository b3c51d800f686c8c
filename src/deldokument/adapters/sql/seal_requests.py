"""Requests to the worker's seal, and its status."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.statements import Repository, RowMapper, param
from deldokument.adapters.sql.tables.seal_requests import seal_request, seal_status
from deldokument.ports.repositories.seal_requests import SealRequest, SealStatus

_REQUEST = RowMapper(SealRequest, seal_request)
_STATUS = RowMapper(SealStatus, seal_status)
_one = seal_request.c.id == param("key")
_status = select(*_STATUS.columns)
_request = select(*_REQUEST.columns).where(_one)
_open = (
    select(*_REQUEST.columns)
    .where(seal_request.c.sealed_answer.is_(None), seal_request.c.fault == "")
    .order_by(seal_request.c.at, seal_request.c.id)
    .limit(param("most"))
)
_answer = update(seal_request).where(_one).values(sealed_answer=param("sealed_answer"), fault=param("fault"))
_remove = delete(seal_request).where(_one)
_forget = delete(seal_request).where(seal_request.c.at < bindparam("before", type_=UtcMicros()))


class SqlSealRequests(Repository):
    """The port ports.repositories.seal_requests.SealRequests in SQL."""

    def status(self) -> SealStatus | None:
        """Return the stored status."""
        return _STATUS.one(self._work.first(_status))

    def note_status(self, status: SealStatus) -> None:
        """Store the status in the one row."""
        self._work.insert_or_replace(seal_status, {"singleton": 1, **asdict(status)})

    def add(self, request: SealRequest) -> None:
        """Insert a request."""
        self._work.run(insert(seal_request), _REQUEST.values(request))

    def get(self, request_id: str) -> SealRequest | None:
        """Return a request."""
        return _REQUEST.one(self._work.first(_request, {"key": request_id}))

    def open_requests(self, limit: int) -> list[SealRequest]:
        """Return the oldest requests without a result."""
        return _REQUEST.all(self._work.rows(_open, {"most": limit}))

    def answer(self, request_id: str, sealed_answer: bytes | None, fault: str) -> None:
        """Store a result."""
        self._work.run(_answer, {"key": request_id, "sealed_answer": sealed_answer, "fault": fault})

    def remove(self, request_id: str) -> None:
        """Delete a request."""
        self._work.run(_remove, {"key": request_id})

    def forget(self, before: datetime) -> int:
        """Delete old requests."""
        return self._work.count(_forget, {"before": before})
