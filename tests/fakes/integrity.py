"""Keys of tags in memory, for tests of the database alone."""

from dataclasses import dataclass

from deldokument.crypto.row_tags import row_key
from deldokument.store.database import Database
from deldokument.store.engine.integrity import DamageReports


@dataclass
class MemoryIntegrityKeys:
    """Satisfies `IntegrityKeys`: one fixed key."""

    key: bytes = bytes(range(32))

    def row_key(self, kind: str) -> bytes:
        return row_key(self.key, kind)


def tagging(database: Database, *, damage: DamageReports | None = None, key: bytes = bytes(range(32))) -> Database:
    """The database with these keys."""
    return database.authenticated(MemoryIntegrityKeys(key), damage or DamageReports())
