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
    Column("created_at", UtcMicros, nullable=False),
    Column("seen_at", UtcMicros, nullable=False, index=True),
    Column("owner_hash", StoredBytes, index=True),
    Column("sealed_form", StoredBytes),
)

program = Table(
    "program",
    metadata,
    Column("secret_hash", StoredBytes, primary_key=True),
    # Every end of a session ends its programs, also one by another version of the service.
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
    Column("sealed_login", StoredBytes),
    Column("created_at", UtcMicros, nullable=False, index=True),
    # Those of a login that version 0.2.0 began.
    Column("browser_hash", StoredBytes, nullable=False, default=b""),
    Column("nonce", StoredText, nullable=False, default=""),
    Column("code_verifier", StoredText, nullable=False, default=""),
    Column("return_to", StoredText, nullable=False, default=""),
    Column("on_behalf_of", StoredText, nullable=False, server_default=""),
)

deployment = Table(
    "deployment",
    metadata,
    Column("singleton", StoredInteger, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
    Column("heartbeat_at", UtcMicros),
    Column("halted_at", UtcMicros),
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
