"""Rows of versions before 0.3.0 that the event log does not support, so that they get no tag."""

from __future__ import annotations

from sqlalchemy import Column, Table

from deldokument.adapters.sql.column_types import EnumText, UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata
from deldokument.domain.row_evidence import Doubt

doubtful_row = Table(
    "doubtful_row",
    metadata,
    Column("kind", Id, primary_key=True),
    Column("id", Id, primary_key=True),
    Column("doubt", EnumText(Doubt), nullable=False),
    Column("found_at", UtcMicros, nullable=False),
)
