"""Partial uploads: their whole upload, the rule for tokens, and where they begin in the document.

SQLite cannot change a column or add a constraint to a table. So the schema text is edited, which its
documentation allows for changes that touch no stored row
(https://www.sqlite.org/lang_altertable.html#otheralter). The rows already satisfy the new constraints.

Frozen: describes the tables as of this revision and imports nothing of the program.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | None = None

Id = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_ONE_TOKEN = "(partial_of IS NULL) <> (token_hash IS NULL)"  # noqa: S105
_WHOLE = "FOREIGN KEY(partial_of) REFERENCES upload (id)"


def upgrade() -> None:
    """Upgrade from 0011."""
    op.add_column("upload", sa.Column("partial_of", Id))
    op.add_column("upload", sa.Column("start", sa.BigInteger()))
    if op.get_bind().dialect.name == "sqlite":
        _constrain_sqlite()
    else:
        op.alter_column("upload", "token_hash", nullable=True)
        op.create_foreign_key("fk_upload_partial_of", "upload", "upload", ["partial_of"], ["id"])
        op.create_check_constraint("ck_upload_token", "upload", _ONE_TOKEN)
    predicate = sa.text("partial_of IS NOT NULL")
    op.create_index("ix_upload_partial", "upload", ["partial_of"], postgresql_where=predicate, sqlite_where=predicate)


def _constrain_sqlite() -> None:
    connection = op.get_bind()
    [[before]] = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE name = 'upload'").all()
    body = before[: before.rindex(")")].replace("token_hash BLOB NOT NULL", "token_hash BLOB").rstrip()
    after = f"{body}, CONSTRAINT fk_upload_partial_of {_WHOLE}, CONSTRAINT ck_upload_token CHECK ({_ONE_TOKEN}))"
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE name = 'upload'", (after,))
    [[version]] = connection.exec_driver_sql("PRAGMA schema_version").all()
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")
