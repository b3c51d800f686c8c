"""Where the systems of integrations want to be told of events."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table

from deldokument.adapters.sql.column_types import Instant, Word, Words
from deldokument.adapters.sql.tables.base import Id, metadata, primary, sealed
from deldokument.domain.webhook import DisabledFor, WebhookEvent

webhook = Table(
    "webhook",
    metadata,
    primary(),
    Column("integration_id", Id, ForeignKey("integration.id"), nullable=False, index=True),
    sealed("sealed_url"),
    sealed("sealed_secret"),
    Column("events", Words(WebhookEvent), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("failing_since", Instant),
    Column("disabled_at", Instant),
    Column("disabled_for", Word(DisabledFor)),
    CheckConstraint("(disabled_at IS NULL) = (disabled_for IS NULL)", "disabled"),
)
