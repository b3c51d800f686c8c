"""Key pairs to which systems encrypt their uploads."""

from __future__ import annotations

from sqlalchemy import Column, Table

from deldokument.adapters.sql.column_types import StoredBytes, StoredText, UtcMicros
from deldokument.adapters.sql.tables.base import metadata, primary

exchange_key = Table(
    "exchange_key",
    metadata,
    primary(),
    Column("organization_number", StoredText, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("sealed_pair", StoredBytes, nullable=False),
)
