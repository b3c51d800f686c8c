"""Grants of recipients, and hashes of persons in their roles; unset for existing rows.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision: str | None = "0024"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0024."""
    for name in ("sealed_grant", "sealed_audit_grant"):
        op.add_column("recipient", sa.Column(name, sa.LargeBinary()))
    for table in ("member", "administrator", "operator"):
        op.add_column(table, sa.Column("role_hash", sa.LargeBinary()))
