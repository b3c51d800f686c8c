"""E-mail addresses for notifications: one row per person, found by hash, with sealed addresses."""

from sqlalchemy import Boolean, CheckConstraint, Column, Table

from deldokument.domain.messages.email_addresses import Language
from deldokument.store.engine.column_types import EnumText, StoredBytes, StoredInteger, UtcMicros
from deldokument.store.engine.schema import Id, metadata, partial, primary, sealed, tag

notice_address = Table(
    "notice_address",
    metadata,
    primary(),
    Column("lookup_hash", StoredBytes, nullable=False, unique=True),
    sealed("sealed_address"),
    Column("confirmed_at", UtcMicros),
    sealed("sealed_unconfirmed"),
    Column("challenge_id", Id, nullable=False),
    Column("challenged_at", UtcMicros),
    Column("tries", StoredInteger, nullable=False),
    Column("codes", StoredInteger, nullable=False),
    Column("codes_since", UtcMicros),
    Column("downloaded", Boolean, nullable=False),
    Column("ending", Boolean, nullable=False),
    Column("approval", Boolean, nullable=False),
    Column("signature", Boolean, nullable=False),
    Column("language", EnumText(Language), nullable=False),
    tag(),
    CheckConstraint("(confirmed_at IS NULL) = (length(sealed_address) = 0)", "confirmed"),
    CheckConstraint("(challenged_at IS NULL) = (length(sealed_unconfirmed) = 0)", "challenged"),
    CheckConstraint("language IN ('nb', 'nn', 'en')", "language"),
)

awaits_code = notice_address.c.challenged_at.is_not(None)
partial("ix_notice_address_challenged", awaits_code, notice_address.c.challenged_at)
