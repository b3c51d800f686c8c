"""Programs that a recipient has given access to one share, within the session of the browser.

An earlier version writes none. When it removes a session, the database removes the session's programs.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision: str | None = "0053"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Upgrade from 0050."""
    op.create_table(
        "program",
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("session_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_grant", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_hash"], ["session.token_hash"], name="fk_program_session_hash", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_program"),
    )
    op.create_index("ix_program_session_hash", "program", ["session_hash"])
