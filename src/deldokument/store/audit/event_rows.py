"""Events as rows of the audit trail, and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from deldokument.crypto.row_tags import is_row_tag, row_tag
from deldokument.domain.audit import NO_TENANT, AuditEvent, EventContent, EventKind
from deldokument.domain.chain import Link, Mark
from deldokument.store.engine.column_types import EPOCH
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.statements import Statements
from deldokument.store.tables.audit import audit_event


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in its chain, and the tag that authenticates it.

    ``revision``: the value of its column, which equals the one in the details unless it was tampered with.
    """

    number: int
    previous: bytes
    hash: bytes
    event: AuditEvent
    tag: bytes = b""
    revision: int | None = None


_KIND = audit_event.name


def stored_details(details: Mapping[str, str | int] | None) -> str | None:
    """Return the details as stored: the same details give the same text."""
    return json.dumps(dict(details)) if details else None


def chained_event(work: Statements, event: AuditEvent, previous: bytes, mark: Mark) -> dict[str, Any]:
    """Return the columns of an event with this number and hash, which follows the hash ``previous``."""
    return {
        "chain": event.chain,
        "number": mark.number,
        "previous": previous,
        "hash": mark.hash,
        "tag": row_tag(work.integrity.row_key(_KIND), _KIND, event.chain, [mark.number, mark.hash]),
        "at": event.at,
        "kind": event.kind.value,
        "share_id": event.share_id,
        "subject_id": event.subject_id,
        "details": stored_details(event.details),
        "revision": (event.details or {}).get("revision"),
    }


def event_of(row: Row[Any]) -> AuditEvent:
    """Return the event of a row. Raises: ValueError or AttributeError if it is unreadable."""
    if row.at is None:
        # The schema's owner can admit NULL.
        raise ValueError("an event without a time")
    details = json.loads(row.details) if row.details else None
    tenant = None if row.chain == NO_TENANT else row.chain
    return AuditEvent(row.at, EventKind(row.kind), tenant, row.share_id, row.subject_id, details)


def stored_event(row: Row[Any]) -> StoredEvent:
    """Return the event of a row with its place. Raises: as ``event_of``."""
    return StoredEvent(row.number, row.previous, row.hash, event_of(row), row.tag, row.revision)


def own_event(work: Statements, row: Row[Any]) -> AuditEvent | None:
    """Return the event of a row if it is authentic. A readable event that is not authentic is reported."""
    try:
        stored = stored_event(row)
    except (ValueError, AttributeError, OverflowError, RecursionError):
        return None
    return stored.event if is_own(work, stored) else None


def link_of(work: Statements, row: Row[Any]) -> Link:
    """Return the event in the form that verification needs. Its time is as stored, in ``microseconds``."""
    is_forged = not _is_valid(work, row.chain, row.number, row.hash, row.tag)
    return Link(row.number, row.previous, row.hash, _content_of(row), is_forged)


def is_own(work: Statements, stored: StoredEvent) -> bool:
    """Return whether the event is authentic as it is stored; report it if it is not."""
    event = stored.event
    try:
        is_linked = event.link(stored.number, stored.previous) == stored.hash
        is_linked = is_linked and stored.revision == (event.details or {}).get("revision")
    except (ValueError, TypeError):
        is_linked = False
    return _is_valid(work, event.chain, stored.number, stored.hash, stored.tag if is_linked else b"")


def _is_valid(work: Statements, chain: str, number: int, hashed: bytes, tag: bytes | None) -> bool:
    """Return whether the tag authenticates an event in this place with this hash; report it if it does not."""
    # The schema's owner can admit NULL.
    if is_row_tag(work.integrity.row_key(_KIND), _KIND, chain, [number, hashed], tag or b""):
        return True
    work.damage.report(DamagedRow(_KIND, f"{chain}_{number}"))
    return False


def _content_of(row: Row[Any]) -> EventContent | None:
    """Return the content of an event, also of a kind unknown to this program; None if it is unreadable."""
    try:
        at = EPOCH + timedelta(microseconds=row.microseconds)
        details = json.loads(row.details) if row.details else {}
        differs = details.get("revision") != row.revision
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    if differs:
        return None
    return at.isoformat(timespec="microseconds"), row.kind, row.share_id, row.subject_id, details
