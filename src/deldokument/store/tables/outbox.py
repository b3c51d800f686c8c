"""Transactional outbox: the messages, how far each event chain has been processed, and counts of sent notices."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from deldokument.domain.messages.outbox import Channel
from deldokument.store.engine.column_types import (
    Codes,
    EnumText,
    StoredBigInteger,
    StoredInteger,
    StoredText,
    UtcMicros,
)
from deldokument.store.engine.schema import Id, metadata, partial, primary, reference

outbox = Table(
    "outbox",
    metadata,
    primary(),
    Column("channel", EnumText(Channel), nullable=False),
    Column("kind", StoredText, nullable=False),
    reference("tenant_id", "tenant"),
    Column("share_id", Id, ForeignKey("share.id"), index=True),
    Column("target", Id, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("due_at", UtcMicros, nullable=False),
    Column("details", Codes, nullable=False),
    Column("occasion", Id, key="dedup_key"),
    Column("attempts", StoredInteger, nullable=False),
    Column("sent_at", UtcMicros),
    Column("given_up_at", UtcMicros),
    Column("last_error", StoredText, nullable=False),
    Column("cost_code", StoredText, nullable=False),
    Column("messages", StoredInteger, nullable=False),
    Column("order_id", Id),
    UniqueConstraint("channel", "dedup_key"),
    CheckConstraint("channel IN ('altinn', 'email', 'webhook')", "channel"),
    CheckConstraint("sent_at IS NULL OR given_up_at IS NULL", "settled"),
    Index(None, "channel", "target", "created_at", "id"),
)

is_unsettled = outbox.c.sent_at.is_(None) & outbox.c.given_up_at.is_(None)
partial("ix_outbox_due", is_unsettled, outbox.c.channel, outbox.c.due_at, outbox.c.id)
partial("ix_outbox_target_due", is_unsettled, outbox.c.channel, outbox.c.target, outbox.c.due_at, outbox.c.id)
partial("ix_outbox_order_id", outbox.c.order_id.is_not(None), outbox.c.order_id)

# Counts of sent notices, which remain when shares and their messages are erased. Two workers may each add a row for the
# same month; readers add them up.
notice_count = Table(
    "notice_count",
    metadata,
    primary(),
    reference("account_id", "account"),
    Column("month", StoredText, nullable=False),
    Column("cost_code", StoredText, nullable=False),
    Column("notices", StoredInteger, nullable=False),
    Column("messages", StoredInteger, nullable=False),
    Index(None, "account_id", "month"),
)

# No foreign key, as with heads and checkpoints: there is no table of chains.
outbox_cursor = Table(
    "outbox_cursor",
    metadata,
    Column("chain", Id, primary_key=True),
    Column("number", StoredBigInteger, nullable=False),
)
