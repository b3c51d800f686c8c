"""Rules of accounts for notices: whether confidential shares name the tenant, and e-mail or text message.

Existing accounts, and those of an earlier version that runs beside this one, name nobody and prefer e-mail.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision: str | None = "0038"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0038."""
    op.add_column("account", sa.Column("name_tenant", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("account", sa.Column("notice_channel", sa.Text(), nullable=False, server_default="email_first"))
