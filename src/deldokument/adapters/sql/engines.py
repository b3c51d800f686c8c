"""Connections: how SQLite and PostgreSQL are opened so that both keep the same promises.

SQLite: WAL, every commit on stable storage, foreign keys on, deleted content overwritten; readers cannot write, and
there is one writing connection. PostgreSQL: writes READ COMMITTED with row locks, reads one snapshot; a node that
hangs loses its locks, and a network that swallows everything is noticed within seconds.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from deldokument.adapters.sql.errors import of_library, translate
from deldokument.adapters.sqlite_files import set_pragmas

POSTGRES = "postgresql"
BUSY_SECONDS = 10
"""How long a transaction waits for a lock or a connection before it is told that the database is not available."""
_HUNG_SECONDS = 60
_SILENCE_SECONDS = 15
"""How long the network to PostgreSQL may be silent before a connection is given up; by itself the system waits for a
quarter of an hour, and everybody with it."""
REST_SECONDS = 1
"""A connection that has rested so long is tried before it is used: the server may have closed it. One that has just
been used is not, which saves each transaction a way to the server and back."""
_READERS = 40
_POSTGRES_POOL = 10
_POSTGRES_OVERFLOW = 30


@dataclass(frozen=True, slots=True)
class Engines:
    """Where transactions that only read begin, and where those that write do."""

    reader: Engine
    writer: Engine

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL rather than SQLite."""
        return self.writer.dialect.name == POSTGRES

    def close(self) -> None:
        """Close every idle connection."""
        self.reader.dispose()
        self.writer.dispose()


def open_engines(database_url: str) -> Engines:
    """``sqlite:///path`` or ``postgresql://…``. Connects to nothing yet. Raises ValueError for other databases."""
    url = make_url(database_url)
    match url.get_backend_name():
        case "sqlite":
            return _sqlite(url)
        case "postgresql":
            return _postgres(url.set(drivername="postgresql+psycopg"))
        case other:
            raise ValueError(f"neither SQLite nor PostgreSQL: {other}")


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


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction, committed at the end, rolled back by any error; errors of the domain only."""
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise of_library(error) from None


def _sqlite(url: URL) -> Engines:
    if not url.database or url.database == ":memory:":
        raise ValueError("SQLite needs a file: several connections share the database")
    path = Path(url.database)
    reader = create_engine(url, pool_size=_READERS, max_overflow=-1, hide_parameters=True, connect_args=_sqlite_args())
    writer = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        connect_args=_sqlite_args(),
    )
    _prepare_sqlite(reader, path, query_only=True, begin="BEGIN")
    _prepare_sqlite(writer, path, query_only=False, begin="BEGIN IMMEDIATE")
    return Engines(reader, writer)


def _sqlite_args() -> dict[str, Any]:
    # The driver begins nothing by itself: it would begin too late, at the first write.
    return {"isolation_level": None, "timeout": BUSY_SECONDS, "cached_statements": 256}


def _prepare_sqlite(engine: Engine, path: Path, *, query_only: bool, begin: str) -> None:
    def create_private(*_: object) -> None:
        # SQLite gives its -wal and -shm files the mode of the database's own.
        if path.parent.is_dir():
            path.touch(mode=0o600, exist_ok=True)

    def set_up(connection: sqlite3.Connection, _: object) -> None:
        set_pragmas(connection, _pragmas(query_only=query_only), patience_s=BUSY_SECONDS)

    event.listen(engine, "do_connect", create_private)
    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", _statement(begin))
    event.listen(engine, "handle_error", translate)


def _pragmas(*, query_only: bool) -> list[str]:
    return [
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        f"query_only={'ON' if query_only else 'OFF'}",
    ]


def _statement(text: str) -> Callable[[Connection], None]:
    def execute(connection: Connection) -> None:
        connection.exec_driver_sql(text)

    return execute


def _postgres(url: URL) -> Engines:
    settings = f"-c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout={_HUNG_SECONDS}s"
    # What the operator's URL says comes last and wins.
    own = url.query.get("options", "")
    writer = create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_size=_POSTGRES_POOL,
        max_overflow=_POSTGRES_OVERFLOW,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
        connect_args={
            "connect_timeout": BUSY_SECONDS,
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
    return Engines(reader, writer)


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
