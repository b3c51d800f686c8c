"""Sessions with their programs, pending logins, the row of this deployment, and the row of the orphan sweep."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, LargeBinary, Table

from deldokument.adapters.sql.column_types import StoredBigInteger, StoredBytes, StoredInteger, StoredText, UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata, sealed

session = Table(
    "session",
    metadata,
    Column("token_hash", StoredBytes, primary_key=True),
    Column("csrf_token", StoredText, nullable=False),
    sealed("sealed_identity"),
    Column("provider_session_id", StoredText, index=True),
    Column("seen_at", UtcMicros, nullable=False, index=True),
    Column("owner_hash", StoredBytes, nullable=False, index=True),
    Column("sealed_form", StoredBytes),
)

program = Table(
    "program",
    metadata,
    Column("secret_hash", StoredBytes, primary_key=True),
    # Every end of a session ends its programs.
    Column(
        "session_hash",
        LargeBinary,
        ForeignKey("session.token_hash", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sealed("sealed_grant"),
)

pending_login = Table(
    "pending_login",
    metadata,
    Column("state", Id, primary_key=True),
    sealed("sealed_login"),
    Column("created_at", UtcMicros, nullable=False, index=True),
)

deployment = Table(
    "deployment",
    metadata,
    Column("singleton", StoredInteger, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
    Column("heartbeat_at", UtcMicros),
    Column("halted_at", UtcMicros),
    Column("ends_halted_at", UtcMicros),
    Column("keyring_fingerprint", StoredBytes),
    Column("trail_verified_at", UtcMicros),
    CheckConstraint("singleton = 1", "one_row"),
)

sweep = Table(
    "sweep",
    metadata,
    Column("singleton", StoredInteger, primary_key=True, autoincrement=False),
    Column("horizon", UtcMicros, nullable=False),
    Column("deleting", Boolean, nullable=False),
    Column("shelf", StoredInteger, nullable=False),
    Column("seen", StoredBigInteger, nullable=False),
    Column("orphans", StoredBigInteger, nullable=False),
    CheckConstraint("singleton = 1", "one_row"),
)
