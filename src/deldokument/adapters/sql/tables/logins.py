"""Sessions with their programs, pending logins, the row of this deployment, and the row of the orphan sweep."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Table, Text

from deldokument.adapters.sql.column_types import UtcMicros
from deldokument.adapters.sql.tables.base import Id, metadata, sealed

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("csrf_token", Text, nullable=False),
    sealed("sealed_identity"),
    Column("provider_session_id", Text, index=True),
    Column("created_at", UtcMicros, nullable=False),
    Column("seen_at", UtcMicros, nullable=False, index=True),
    Column("owner_hash", LargeBinary, index=True),
    Column("sealed_form", LargeBinary),
)

program = Table(
    "program",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
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
    Column("browser_hash", LargeBinary, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("code_verifier", Text, nullable=False),
    Column("return_to", Text, nullable=False),
    Column("created_at", UtcMicros, nullable=False, index=True),
    Column("on_behalf_of", Text, nullable=False, server_default=""),
)

deployment = Table(
    "deployment",
    metadata,
    Column("singleton", Integer, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
    Column("heartbeat_at", UtcMicros),
    Column("halted_at", UtcMicros),
    Column("keyring_fingerprint", LargeBinary),
    Column("trail_verified_at", UtcMicros),
    CheckConstraint("singleton = 1", "one_row"),
)

sweep = Table(
    "sweep",
    metadata,
    Column("singleton", Integer, primary_key=True, autoincrement=False),
    Column("horizon", UtcMicros, nullable=False),
    Column("deleting", Boolean, nullable=False),
    Column("shelf", Integer, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("orphans", BigInteger, nullable=False),
    CheckConstraint("singleton = 1", "one_row"),
)
