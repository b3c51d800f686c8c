"""Logins on behalf of a tenant: the tenant's name at ID-porten, also stored with a pending login.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0013."""
    for table in ("tenant", "pending_login"):
        op.add_column(table, sa.Column("on_behalf_of", sa.Text(), nullable=False, server_default=""))
