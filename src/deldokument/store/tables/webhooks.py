"""Webhooks of integrations."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table

from deldokument.domain.messages.webhook import DisabledFor, WebhookEvent
from deldokument.store.engine.column_types import EnumSet, EnumText, StoredInteger, UtcMicros
from deldokument.store.engine.schema import Id, metadata, primary, sealed, tag

webhook = Table(
    "webhook",
    metadata,
    primary(),
    Column("integration_id", Id, ForeignKey("integration.id"), nullable=False, index=True),
    sealed("sealed_url"),
    sealed("sealed_secret"),
    Column("events", EnumSet(WebhookEvent), nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("failing_since", UtcMicros),
    Column("disabled_at", UtcMicros),
    Column("disabled_for", EnumText(DisabledFor)),
    Column("revision", StoredInteger, nullable=False),
    tag(),
    CheckConstraint("(disabled_at IS NULL) = (disabled_for IS NULL)", "disabled"),
)
