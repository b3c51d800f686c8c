"""The reason of a member who sends back what a colleague has proposed.

An earlier version leaves the column as it is. It may then show an older reason until the next proposal.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0058"
down_revision: str | None = "0057"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0057."""
    op.add_column("share", sa.Column("sealed_return_note", sa.LargeBinary()))
