"""The database, SQLite or PostgreSQL, which opens transactions.

Guarantees:
- A ``write`` block is atomic, and durable once it has ended without an error.
- A ``read`` block sees a consistent snapshot.
- All errors are errors of the domain.
- It is thread-safe.

After Unavailable at the end of a ``write`` block it is unknown whether the transaction was committed. The orphan sweep
removes keys and objects that were created for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, event, func, select
from sqlalchemy.pool import ConnectionPoolEntry

from deldokument.domain.errors import Broken
from deldokument.store.engine.engines import Engines, open_engines
from deldokument.store.engine.integrity import ChainsBehind, DamageReports, IntegrityKeys
from deldokument.store.engine.statements import Statements
from deldokument.store.transaction import Transaction


class _NoKeys:
    """Satisfies `IntegrityKeys` while no keyring is open."""

    def row_key(self, kind: str) -> bytes:
        raise Broken(f"no integrity key for rows of kind {kind}")


_clock = select(func.clock_timestamp())


class Database:
    """The database at ``sqlite:///path`` or ``postgresql://…``; migrated by ``migrations.migrate`` beforehand.

    Without keys, before a keyring is open, it can use only tables whose rows have no tags.
    """

    def __init__(self, database_url: str) -> None:
        self._engines: Engines = open_engines(database_url)
        self._integrity: IntegrityKeys = _NoKeys()
        self._damage, self._behind = DamageReports(), ChainsBehind()

    def authenticated(self, keys: IntegrityKeys, damage: DamageReports, behind: ChainsBehind | None = None) -> Self:
        """Return the same database, but with verification of tags. It reports damaged rows to ``damage``.

        Tenants that it reads are marked if their chains are ``behind``.
        """
        database = copy(self)
        database._integrity, database._damage, database._behind = keys, damage, behind or ChainsBehind()
        return database

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Begin a read transaction with a consistent snapshot; writes in it raise Broken."""
        with self._engines.read() as connection:
            yield Transaction(self._statements(connection, writing=False))

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Begin a write transaction, which is atomic.

        On SQLite it holds the write lock from the start.
        """
        with self._engines.write() as connection:
            tx = Transaction(self._statements(connection, writing=True))
            yield tx
            tx.flush()

    def _statements(self, connection: Connection, *, writing: bool) -> Statements:
        engines, damage, behind = self._engines, self._damage, self._behind
        return Statements(connection, writing, engines.is_postgres, self._integrity, damage, behind)

    def now(self) -> datetime:
        """Return the current time of the PostgreSQL server. Raises: Unavailable."""
        with self._engines.read() as connection:
            at: datetime = connection.execute(_clock).scalar_one()
        return at.astimezone(UTC)

    @property
    def max_connections(self) -> int | None:
        """Maximum number of concurrent transactions with a connection; None without a limit, on SQLite."""
        return self._engines.max_connections

    def observe_connections(self, taken: Callable[[], None], returned: Callable[[], None]) -> None:
        """Call ``taken`` when a transaction takes a connection, and ``returned`` when it gives it back."""
        in_use: set[ConnectionPoolEntry] = set()

        def checkout(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
            in_use.add(record)
            taken()

        def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
            # A failed reconnection causes a checkin without a checkout.
            if record in in_use:
                in_use.remove(record)
                returned()

        # On PostgreSQL both are the same pool.
        for pool in {self._engines.reader.pool, self._engines.writer.pool}:
            event.listen(pool, "checkout", checkout)
            event.listen(pool, "checkin", checkin)

    def observe_statements(self, begin: Callable[[str], Callable[[], None]]) -> None:
        """Call ``begin`` with the text of each statement, without values; call the returned function at its end."""

        def before(*given: Any) -> None:
            _, _, statement, _, context, _ = given
            context.end_observed = begin(statement)

        def after(*given: Any) -> None:
            given[4].end_observed()

        # On PostgreSQL both are the same engine.
        for engine in {self._engines.reader, self._engines.writer}:
            event.listen(engine, "before_cursor_execute", before)
            event.listen(engine, "after_cursor_execute", after)

    def close(self) -> None:
        """Close idle connections; those in use close when their transaction ends."""
        self._engines.close()
