"""By which a deployment tells its own keyring from an empty or another one.

Frozen: it says what the tables were on that day and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """From 0019."""
    op.add_column("deployment", sa.Column("keyring_fingerprint", sa.LargeBinary()))
