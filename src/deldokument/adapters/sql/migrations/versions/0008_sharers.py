"""Integrations as sharers: a share and an upload belong to a member or an integration, with rights and a password.

Existing integrations get the right to share, for which they were registered. SQLite cannot change a column or
add a constraint to a table. So the schema text is edited, which its documentation allows for changes that
touch no stored row (https://www.sqlite.org/lang_altertable.html#otheralter). The rows already satisfy the new
constraints.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_ONE_SHARER = "(member_id IS NULL) <> (integration_id IS NULL)"
_RIGHTS = "rights IN ('read', 'share')"


def upgrade() -> None:
    """Upgrade from 0007."""
    op.add_column("integration", sa.Column("rights", sa.Text(), nullable=False, server_default="share"))
    op.add_column("integration", sa.Column("used_at", sa.BigInteger()))
    op.add_column("integration", sa.Column("password_hash", sa.LargeBinary()))
    living = sa.text("removed_at IS NULL")
    op.create_index(
        "ix_integration_living",
        "integration",
        ["organization_number"],
        postgresql_where=living,
        sqlite_where=living,
    )
    for table in ("share", "upload"):
        op.add_column(table, sa.Column("integration_id", Id))
    if op.get_bind().dialect.name == "sqlite":
        _constrain_sqlite()
    else:
        _constrain()


def _constrain() -> None:
    op.create_check_constraint("ck_integration_rights", "integration", _RIGHTS)
    for table in ("share", "upload"):
        op.alter_column(table, "member_id", nullable=True)
        op.create_foreign_key(f"fk_{table}_integration_id", table, "integration", ["integration_id"], ["id"])
        op.create_check_constraint(f"ck_{table}_sharer", table, _ONE_SHARER)


def _constrain_sqlite() -> None:
    connection = op.get_bind()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    _rewrite("integration", f"CONSTRAINT ck_integration_rights CHECK ({_RIGHTS})")
    for table in ("share", "upload"):
        _rewrite(
            table,
            f"CONSTRAINT fk_{table}_integration_id FOREIGN KEY(integration_id) REFERENCES integration (id)",
            f"CONSTRAINT ck_{table}_sharer CHECK ({_ONE_SHARER})",
        )
    [[version]] = connection.exec_driver_sql("PRAGMA schema_version").all()
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")


def _rewrite(table: str, *constraints: str) -> None:
    connection, schema = op.get_bind(), sa.table("sqlite_schema", *map(sa.column, ("type", "name", "sql")))
    is_table = sa.and_(schema.c.type == "table", schema.c.name == table)
    before: str = connection.execute(sa.select(schema.c.sql).where(is_table)).scalar_one()
    body = before[: before.rindex(")")].replace("member_id TEXT NOT NULL", "member_id TEXT").rstrip()
    connection.execute(sa.update(schema).where(is_table).values(sql=", ".join([body, *constraints]) + ")"))
