"""PostgreSQL: how it is opened, and what its driver's errors are in the domain's words.

Promises that writes are READ COMMITTED with row locks and reads one snapshot, that a node that hangs loses its locks,
and that a network that swallows everything is noticed within seconds. Loaded by whoever opens a PostgreSQL: a process
on SQLite does without the driver and its ten megabytes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from deldokument.adapters.sql import errors
from deldokument.domain.errors import Broken, Conflict, ServiceError, StorageFull, Unavailable

_HUNG_SECONDS = 60
_SILENCE_SECONDS = 15
"""How long the network to PostgreSQL may be silent before a connection is given up; by itself the system waits for a
quarter of an hour, and everybody with it."""
REST_SECONDS = 1
"""A connection that has rested so long is tried before it is used: the server may have closed it. One that has just
been used is not, which saves each transaction a way to the server and back."""
_POOL = 10
_OVERFLOW = 30


class _Columns(Sequence[Any]):
    """What a cursor tells of its result's columns, made when it is looked at.

    The library asks every result for it, and looks at that of a statement that it has not seen before: measured, three
    hundredths of a list of shares.
    """

    def __init__(self, cursor: psycopg.Cursor[Any], count: int) -> None:
        self._cursor = cursor
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return [psycopg.Column(self._cursor, number) for number in range(self._count)][index]


class _Cursor(psycopg.Cursor[Any]):
    """One that describes its columns to whoever looks."""

    @property
    def description(self) -> Any:
        """As its parent's."""
        result = self.pgresult
        return _Columns(self, result.nfields) if result and result.nfields else super().description


def open_postgres(url: URL, patience_seconds: int) -> tuple[Engine, Engine]:
    """Where transactions that only read begin, and where those that write do; connects to nothing yet."""
    settings = f"-c lock_timeout={patience_seconds}s -c idle_in_transaction_session_timeout={_HUNG_SECONDS}s"
    # What the operator's URL says comes last and wins.
    own = url.query.get("options", "")
    writer = create_engine(
        url.set(drivername="postgresql+psycopg"),
        isolation_level="READ COMMITTED",
        pool_size=_POOL,
        max_overflow=_OVERFLOW,
        pool_timeout=patience_seconds,
        hide_parameters=True,
        connect_args={
            "connect_timeout": patience_seconds,
            "application_name": "deldokument",
            "cursor_factory": _Cursor,
            "tcp_user_timeout": _SILENCE_SECONDS * 1000,
            "keepalives_idle": _SILENCE_SECONDS // 3,
            "keepalives_interval": _SILENCE_SECONDS // 3,
            "keepalives_count": 2,
            "options": f"{settings} {own if isinstance(own, str) else ' '.join(own)}",
        },
    )
    event.listen(writer, "handle_error", translate)
    try_rested(writer)
    reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return reader, writer


def try_rested(engine: Engine) -> None:
    """Have the pool try a connection that has rested, and open all of them anew when it is found closed."""

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


def translate(context: ExceptionContext) -> BaseException | None:
    """For SQLAlchemy's handle_error: the domain's error in the place of the driver's."""
    original = context.original_exception
    return _of_driver(original) if isinstance(original, psycopg.Error) else errors.translate(context)


def _of_driver(error: psycopg.Error) -> ServiceError:
    detail = " ".join(filter(None, [type(error).__name__, error.sqlstate, error.diag.constraint_name]))
    match error:
        case psycopg.errors.DiskFull():
            return StorageFull(detail)
        case psycopg.errors.UniqueViolation() | psycopg.errors.ForeignKeyViolation():
            return Conflict("state_changed", detail=detail)
        # The server has ended the session of a transaction that a busy machine held too long.
        case psycopg.errors.IdleInTransactionSessionTimeout():
            return Unavailable("database", detail=detail)
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return Unavailable("database", detail=detail)
        case _:
            return Broken(detail)
