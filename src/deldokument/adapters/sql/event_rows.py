"""Events as rows of the audit trail, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from deldokument.adapters.sql.column_types import EPOCH
from deldokument.domain.audit import NO_TENANT, AuditEvent, EventContent, EventKind


def stored_details(details: Mapping[str, str | int] | None) -> str | None:
    """Return the details as stored: the same details give the same text."""
    return json.dumps(dict(details)) if details else None


def stored_event(event: AuditEvent) -> dict[str, Any]:
    """Return the columns of an event, without its place in the chain."""
    return {
        "at": event.at,
        "kind": event.kind.value,
        "share_id": event.share_id,
        "subject_id": event.subject_id,
        "details": stored_details(event.details),
        "revision": (event.details or {}).get("revision"),
    }


def event_of(row: Row[Any]) -> AuditEvent:
    """Return the event of a row. Raises: ValueError or AttributeError if it is unreadable."""
    details = json.loads(row.details) if row.details else None
    tenant = None if row.chain == NO_TENANT else row.chain
    return AuditEvent(row.at, EventKind(row.kind), tenant, row.share_id, row.subject_id, details)


def content_of(row: Row[Any]) -> EventContent | None:
    """Return the content of an event, also of a kind that this program does not know; None if it is unreadable."""
    try:
        at = EPOCH + timedelta(microseconds=row.microseconds)
        details = json.loads(row.details) if row.details else {}
        differs = details.get("revision") != row.revision
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    if differs:
        return None
    return at.isoformat(timespec="microseconds"), row.kind, row.share_id, row.subject_id, details
