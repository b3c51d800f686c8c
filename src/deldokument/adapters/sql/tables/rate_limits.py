"""Rate limit state, shared by all nodes."""

from __future__ import annotations

from sqlalchemy import Column, Table

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata

allowance = Table(
    "allowance",
    metadata,
    # The bucket's name, a keyed hash.
    Column("consumer", Id, primary_key=True),
    Column("spent_until", UtcMicros, nullable=False),
)
