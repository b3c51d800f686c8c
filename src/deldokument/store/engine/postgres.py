"""Connection settings of PostgreSQL, and its driver's errors as errors of the domain.

Guarantees:
- Writes are READ COMMITTED with row locks; reads see one snapshot.
- A node that hangs loses its locks. If a pooler drops the time limits for that, the connection is refused.
- A network that drops all packets is detected within seconds.

Imported only when a PostgreSQL database is opened, so that a process on SQLite saves the driver's ten megabytes.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import IsolationLevel
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from deldokument.domain.errors import Broken, Conflict, ServiceError, StorageFull, Unavailable
from deldokument.store.engine import errors

_HUNG_SECONDS = 60
_SILENCE_SECONDS = 15
"""How long the network to PostgreSQL may be silent before a connection is closed.

The system's own limit is a quarter of an hour, during which all transactions would wait.
"""
REST_SECONDS = 1
"""Idle time after which a connection is tested before use, since the server may have closed it.

A connection that was just used is not tested, which saves each transaction a round trip.
"""
MAX_CONNECTIONS = 40
"""The most connections of a process to a database."""
POOL: Final[Mapping[str, Any]] = {"pool_size": MAX_CONNECTIONS, "max_overflow": 0, "pool_use_lifo": True}
"""Settings of a pool that keeps every connection open, because a new one costs PostgreSQL a process.

The connection that was used last is used first: it is the likeliest to need no test.
"""


class _Columns(Sequence[Any]):
    """The description of a cursor's columns, computed when it is read.

    SQLAlchemy requests it for every result, but reads it only for a statement that it has not seen before. Measured:
    saves 3 % of the time for a list of shares.
    """

    def __init__(self, cursor: psycopg.Cursor[Any], count: int) -> None:
        self._cursor = cursor
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return [psycopg.Column(self._cursor, number) for number in range(self._count)][index]


class _Cursor(psycopg.Cursor[Any]):
    """A cursor with a lazy column description."""

    @property
    def description(self) -> Any:
        """The description of the columns, as in the base class."""
        result = self.pgresult
        return _Columns(self, result.nfields) if result and result.nfields else super().description


def open_postgres(url: URL, patience_seconds: int) -> Engine:
    """Return the engine, without connecting. Its transactions need `begin_read` or `begin_write` first."""
    settings = f"-c lock_timeout={patience_seconds}s -c idle_in_transaction_session_timeout={_HUNG_SECONDS}s"
    # The options of the operator's URL come last and take precedence.
    own = url.query.get("options", "")
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_timeout=patience_seconds,
        **POOL,
        hide_parameters=True,
        connect_args={
            "connect_timeout": patience_seconds,
            "application_name": "deldokument",
            "cursor_factory": _Cursor,
            "tcp_user_timeout": _SILENCE_SECONDS * 1000,
            "keepalives_idle": _SILENCE_SECONDS // 3,
            "keepalives_interval": _SILENCE_SECONDS // 3,
            "keepalives_count": 2,
            # PgBouncer refuses a space at the end.
            "options": f"{settings} {own if isinstance(own, str) else ' '.join(own)}".rstrip(),
        },
    )
    event.listen(engine, "handle_error", translate)
    event.listen(engine, "connect", _send_binary_lists)
    try_rested(engine)
    require_lock_limit(engine)
    return engine


def begin_read(connection: Connection) -> None:
    """Make the new transaction read-only, with one snapshot."""
    _set_mode(connection, IsolationLevel.REPEATABLE_READ, True)


def begin_write(connection: Connection) -> None:
    """Make the new transaction READ COMMITTED, and writable unless the database is set to read only."""
    _set_mode(connection, IsolationLevel.READ_COMMITTED, None)


def _set_mode(connection: Connection, *mode: Any) -> None:
    # Set on the driver, which keeps it for the connection's next transactions. SQLAlchemy's options would set it for
    # each transaction and reset it afterwards: a quarter of the time of a transaction with one query.
    driver: Any = connection.connection.driver_connection
    if (driver.isolation_level, driver.read_only) != mode:
        driver.isolation_level, driver.read_only = mode


def _send_binary_lists(connection: Any, _: object) -> None:
    # As text, which the driver prefers, a list of some hundred hashes takes four times as long.
    connection.adapters.register_dumper(list, ListBinaryDumper)


def try_rested(engine: Engine) -> None:
    """Make the pool test an idle connection before use; if it is closed, reopen all connections."""

    def note(_: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    def check(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        used = record.info.get("used")
        if used is None or time.monotonic() - used < REST_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", note)
    event.listen(engine, "checkout", check)


def require_lock_limit(engine: Engine) -> None:
    """Make the first connection fail if lock waits have no limit because a pooler dropped the settings."""

    def check(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("SHOW lock_timeout")
        limits = cursor.fetchall()
        connection.rollback()
        if limits == [("0",)]:
            raise Unavailable(
                "database", detail="no lock_timeout: set it for the role (docs/operate/cluster.md, PgBouncer)"
            )

    event.listen(engine, "first_connect", check)


def translate(context: ExceptionContext) -> BaseException | None:
    """Return the domain's error for a driver's error; a handler for SQLAlchemy's handle_error."""
    original = context.original_exception
    return _of_driver(original) if isinstance(original, psycopg.Error) else errors.translate(context)


def _of_driver(error: psycopg.Error) -> ServiceError:
    detail = " ".join(filter(None, [type(error).__name__, error.sqlstate, error.diag.constraint_name]))
    match error:
        case psycopg.errors.DiskFull():
            return StorageFull(detail)
        case psycopg.errors.UniqueViolation() | psycopg.errors.ForeignKeyViolation():
            return Conflict("state_changed", detail=detail)
        # The server ended the session, because the transaction was idle too long on a busy machine.
        case psycopg.errors.IdleInTransactionSessionTimeout():
            return Unavailable("database", detail=detail)
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return Unavailable("database", detail=detail)
        case _:
            return Broken(detail)
