"""Key pairs of encrypted uploads in a table."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Table, delete, insert, select

from deldokument.store.engine.column_types import StoredBytes, StoredText, UtcMicros
from deldokument.store.engine.schema import metadata, primary
from deldokument.store.engine.statements import Repository, RowMapper, param


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """A key pair, sealed for its ``id`` and organisation. The number is empty for people."""

    id: str
    organization_number: str
    created_at: datetime
    sealed_pair: bytes


exchange_key = Table(
    "exchange_key",
    metadata,
    primary(),
    Column("organization_number", StoredText, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("sealed_pair", StoredBytes, nullable=False),
)

_KEY = RowMapper(ExchangeKey, exchange_key)
_of = (
    select(*_KEY.columns)
    .where(exchange_key.c.organization_number == param("organization_number"))
    .order_by(exchange_key.c.created_at.desc(), exchange_key.c.id)
)
_remove_before = delete(exchange_key).where(exchange_key.c.created_at < param("before"))


class ExchangeKeys(Repository):
    """Repository of key pairs. There are few."""

    def add(self, key: ExchangeKey) -> None:
        """Insert a key pair.

        Raises: Conflict if the id is taken.
        """
        self._work.run(insert(exchange_key), _KEY.values(key))

    def of(self, organization_number: str) -> list[ExchangeKey]:
        """Return the organisation's key pairs, the newest first."""
        return _KEY.all(self._work.rows(_of, {"organization_number": organization_number}))

    def remove_before(self, created_before: datetime) -> None:
        """Delete the key pairs that were created before ``created_before``."""
        self._work.run(_remove_before, {"before": created_before})
