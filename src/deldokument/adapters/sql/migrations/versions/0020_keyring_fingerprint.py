"""Fingerprint by which a deployment recognises its own keyring.

Frozen: describes the tables as of this revision and imports nothing of the program.
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
    """Upgrade from 0019."""
    op.add_column("deployment", sa.Column("keyring_fingerprint", sa.LargeBinary()))
