"""Rate limit state, shared by all nodes."""

from __future__ import annotations

from sqlalchemy import Column, Table

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata

allowance = Table(
    "allowance",
    metadata,
    # The bucket's name, a keyed hash. Version 0.2.0 counted API consumers only, by their organisation numbers.
    Column("consumer", Id, primary_key=True),
    Column("spent_until", UtcMicros, nullable=False),
)
