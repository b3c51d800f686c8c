"""Requests to the worker to sign, and the status of the seal."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Table, bindparam, delete, insert, select, update

from deldokument.store.engine.column_types import EnumText, StoredBytes, StoredInteger, StoredText, UtcMicros
from deldokument.store.engine.schema import Id, metadata, sealed
from deldokument.store.engine.statements import Repository, RowMapper, param


class SealKind(StrEnum):
    """Kind of content that the worker signs on request. Checkpoints of the event chains are not among them."""

    PDF = "pdf"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class SealStatus:
    """The certificate of the seal (PEM), and the code of the error if nothing can be sealed now.

    Without a seal the certificate is empty.
    """

    certificate: bytes
    fault: str


@dataclass(frozen=True, slots=True)
class SealRequest:
    """A document or statement to sign, encrypted, and the encrypted result or the code of the error."""

    id: str
    kind: SealKind
    reason: str
    location: str
    at: datetime
    sealed_content: bytes = field(repr=False)
    sealed_answer: bytes | None = field(default=None, repr=False)
    fault: str = ""


seal_status = Table(
    "seal_status",
    metadata,
    Column("singleton", StoredInteger, primary_key=True, autoincrement=False),
    Column("certificate", StoredBytes, nullable=False),
    Column("fault", StoredText, nullable=False),
    CheckConstraint("singleton = 1", "one_row"),
)

seal_request = Table(
    "seal_request",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", EnumText(SealKind), nullable=False),
    Column("reason", StoredText, nullable=False),
    Column("location", StoredText, nullable=False),
    Column("at", UtcMicros, nullable=False, index=True),
    sealed("sealed_content"),
    Column("sealed_answer", StoredBytes),
    Column("fault", StoredText, nullable=False),
    CheckConstraint("kind IN ('pdf', 'export')", "kind"),
)

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


class SealRequests(Repository):
    """Repository of the requests, and of the seal's status."""

    def status(self) -> SealStatus | None:
        """Return the seal's status; None if no worker has stored one yet."""
        return _STATUS.one(self._work.first(_status))

    def note_status(self, status: SealStatus) -> None:
        """Store the status in the one row."""
        self._work.insert_or_replace(seal_status, {"singleton": 1, **asdict(status)})

    def add(self, request: SealRequest) -> None:
        """Add a request."""
        self._work.run(insert(seal_request), _REQUEST.values(request))

    def get(self, request_id: str) -> SealRequest | None:
        """Return a request, or None."""
        return _REQUEST.one(self._work.first(_request, {"key": request_id}))

    def open_requests(self, limit: int) -> list[SealRequest]:
        """Return requests without a result, the oldest first."""
        return _REQUEST.all(self._work.rows(_open, {"most": limit}))

    def answer(self, request_id: str, sealed_answer: bytes | None, fault: str) -> None:
        """Store the result of a request."""
        self._work.run(_answer, {"key": request_id, "sealed_answer": sealed_answer, "fault": fault})

    def remove(self, request_id: str) -> None:
        """Remove a request."""
        self._work.run(_remove, {"key": request_id})

    def forget(self, before: datetime) -> int:
        """Remove requests from before an instant, whose processes have died; return their number."""
        return self._work.count(_forget, {"before": before})
