"""Idempotency records of API requests: a repeated request gets the response of the first."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from deldokument.adapters.sql.column_types import StoredBytes, UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata, sealed

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
