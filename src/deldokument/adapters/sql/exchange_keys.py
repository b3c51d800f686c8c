"""Key pairs of encrypted uploads in a table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from deldokument.adapters.sql.statements import Repository, RowMapper, param
from deldokument.adapters.sql.tables.exchange_keys import exchange_key
from deldokument.ports.repositories.exchange_keys import ExchangeKey

_KEY = RowMapper(ExchangeKey, exchange_key)
_of = (
    select(*_KEY.columns)
    .where(exchange_key.c.organization_number == param("organization_number"))
    .order_by(exchange_key.c.created_at.desc(), exchange_key.c.id)
)
_remove_before = delete(exchange_key).where(exchange_key.c.created_at < param("before"))


class SqlExchangeKeys(Repository):
    """The port ports.repositories.exchange_keys.ExchangeKeys in SQL."""

    def add(self, key: ExchangeKey) -> None:
        """Insert a key pair.

        Raises: Conflict if the id is taken.
        """
        self._work.run(insert(exchange_key), _KEY.values(key))

    def of(self, organization_number: str) -> list[ExchangeKey]:
        """Return the organisation's key pairs, the newest first."""
        return _KEY.all(self._work.rows(_of, {"organization_number": organization_number}))

    def remove_before(self, created_before: datetime) -> None:
        """Delete the key pairs that were created earlier."""
        self._work.run(_remove_before, {"before": created_before})
