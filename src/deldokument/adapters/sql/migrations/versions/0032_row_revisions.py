"""Revisions of tenants and integrations, and an index of the events that carry those of tenants.

Existing rows have revision 1. Version 0.2.0 leaves the column as it is.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision: str | None = "0031"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

_KINDS = (
    "tenant_created",
    "tenant_rules_changed",
    "tenant_frozen",
    "tenant_unfrozen",
    "tenant_activated",
    "tenant_ended",
)


def upgrade() -> None:
    """Upgrade from 0031."""
    for table in ("tenant", "integration"):
        op.add_column(table, sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    where = sa.text(f"revision IS NOT NULL AND kind IN ({', '.join(repr(kind) for kind in _KINDS)})")
    op.create_index(
        "ix_audit_event_tenant", "audit_event", ["chain", "revision"], postgresql_where=where, sqlite_where=where
    )
