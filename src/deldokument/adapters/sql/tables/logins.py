"""Who is logged in, and the one row about this deployment."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, LargeBinary, Table, Text

from deldokument.adapters.sql.columns import Instant
from deldokument.adapters.sql.tables.base import Id, metadata, sealed

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("csrf_token", Text, nullable=False),
    sealed("sealed_identity"),
    Column("provider_session_id", Text, index=True),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False, index=True),
)

pending_login = Table(
    "pending_login",
    metadata,
    Column("state", Id, primary_key=True),
    Column("browser_hash", LargeBinary, nullable=False),
    Column("nonce", Text, nullable=False),
    Column("code_verifier", Text, nullable=False),
    Column("return_to", Text, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
    Column("on_behalf_of", Text, nullable=False, server_default=""),
)

deployment = Table(
    "deployment",
    metadata,
    Column("singleton", Integer, primary_key=True, autoincrement=False),
    Column("id", Id, nullable=False),
    Column("heartbeat_at", Instant),
    Column("halted_at", Instant),
    CheckConstraint("singleton = 1", "one_row"),
)
