"""Keys of tags in memory, for tests of the database alone."""

from __future__ import annotations

from dataclasses import dataclass

from deldokument.adapters.sql.database import SqlDatabase
from deldokument.crypto.row_tags import row_key
from deldokument.ports.integrity import DamageReports


@dataclass
class MemoryIntegrityKeys:
    """Satisfies `IntegrityKeys`: one fixed key."""

    key: bytes = bytes(range(32))

    def row_key(self, kind: str) -> bytes:
        return row_key(self.key, kind)


def tagging(
    database: SqlDatabase, *, damage: DamageReports | None = None, key: bytes = bytes(range(32))
) -> SqlDatabase:
    """The database with these keys."""
    return database.authenticated(MemoryIntegrityKeys(key), damage or DamageReports())
