"""Tags of the rows that decide about access, cards and revisions of shares, and an index of alarms.

All are NULL in existing rows, and in rows that version 0.2.0 writes while it runs beside this one.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

_TAGGED = ("tenant", "account", "member", "administrator", "operator", "integration", "upload", "webhook")


def upgrade() -> None:
    """Upgrade from 0023."""
    for table in _TAGGED:
        op.add_column(table, sa.Column("tag", sa.LargeBinary()))
    op.add_column("share", sa.Column("card", sa.LargeBinary()))
    op.add_column("audit_event", sa.Column("revision", sa.Integer()))
    for name, columns, where in (
        ("ix_audit_event_revision", ["share_id", "revision"], sa.text("revision IS NOT NULL")),
        ("ix_audit_event_damage", ["details"], sa.text("kind = 'row_damaged'")),
    ):
        op.create_index(name, "audit_event", columns, postgresql_where=where, sqlite_where=where)
