"""The worker's seal: its certificate for processes without the key, and what they ask the worker to sign."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Table

from deldokument.adapters.sql.column_types import EnumText, StoredBytes, StoredInteger, StoredText, UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata, sealed
from deldokument.ports.repositories.seal_requests import SealKind

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
