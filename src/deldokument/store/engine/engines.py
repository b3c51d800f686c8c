"""Connections to SQLite, configured for the same guarantees as PostgreSQL (`postgres`).

The settings: WAL, every commit on stable storage, foreign keys enforced, deleted content overwritten. Readers cannot
write, and there is one writing connection.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from deldokument.domain.errors import Unavailable
from deldokument.store.engine.errors import of_library, translate
from deldokument.store.engine.sqlite_files import set_pragmas

POSTGRES = "postgresql"
BUSY_SECONDS = 10
"""How long a transaction waits for a lock or a connection before it raises Unavailable."""
_READERS = 16
"""Idle connections for reading that are kept, each with up to 3 MB: the parsed schema, statements and pages."""

_ROLES = text("SELECT rolname FROM pg_roles")


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines for read transactions and for write transactions; on PostgreSQL one engine for both.

    ``begin_read`` and ``begin_write`` are called first in each transaction. They are not event listeners of the
    engines, because listeners make every statement a tenth slower.
    """

    reader: Engine
    writer: Engine
    begin_read: Callable[[Connection], None]
    begin_write: Callable[[Connection], None]
    max_connections: int | None = None
    """How many transactions have a connection at once; None: SQLite, where any number may read."""

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that cannot write, and sees one snapshot.

        Raises errors of the domain only.
        """
        return _transaction(self.reader, self.begin_read)

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that may write, committed at the end and rolled back by any error.

        Raises errors of the domain only.
        """
        return _transaction(self.writer, self.begin_write)

    @property
    def is_postgres(self) -> bool:
        """Whether it is PostgreSQL rather than SQLite."""
        return self.writer.dialect.name == POSTGRES

    def close(self) -> None:
        """Close every idle connection."""
        self.reader.dispose()
        self.writer.dispose()


def open_engines(database_url: str) -> Engines:
    """Return the engines for ``sqlite:///path`` or ``postgresql://…``, without connecting.

    Raises: ValueError for other databases.
    """
    url = make_url(database_url)
    match url.get_backend_name():
        case "sqlite":
            return _sqlite(url)
        case "postgresql":
            from deldokument.store.engine.postgres import MAX_CONNECTIONS, begin_read, begin_write, open_postgres

            engine = open_postgres(url, BUSY_SECONDS)
            return Engines(engine, engine, begin_read, begin_write, MAX_CONNECTIONS)
        case other:
            raise ValueError(f"neither SQLite nor PostgreSQL: {other}")


def open_untouched(database_url: str) -> Engines | None:
    """Return engines that can only read and change no byte of SQLite's files; None if there is no file.

    On PostgreSQL they are the usual engines.
    """
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        return open_engines(database_url)
    path = Path(str(url.database)).absolute()
    if not path.exists():
        return None
    # A read-only connection creates a -wal file, an immutable one ignores it.
    log = path.with_name(f"{path.name}-wal")
    mode = {"mode": "ro"} if log.exists() and log.stat().st_size else {"immutable": "1"}
    uri = URL.create("sqlite", database=path.as_uri(), query={"uri": "true"} | mode)
    engine = create_engine(uri, hide_parameters=True, connect_args=_sqlite_args())
    event.listen(engine, "handle_error", translate)
    return Engines(engine, engine, _statement("BEGIN"), _statement("BEGIN"))


@contextmanager
def _transaction(engine: Engine, begin: Callable[[Connection], None]) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            begin(connection)
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
    _prepare_sqlite(reader, path, query_only=True)
    _prepare_sqlite(writer, path, query_only=False)
    return Engines(reader, writer, _statement("BEGIN"), _statement("BEGIN IMMEDIATE"))


def _sqlite_args() -> dict[str, Any]:
    # The driver must not begin transactions: it would begin too late, at the first write.
    return {"isolation_level": None, "timeout": BUSY_SECONDS, "cached_statements": 256}


def _prepare_sqlite(engine: Engine, path: Path, *, query_only: bool) -> None:
    def create_private(*_: object) -> None:
        # SQLite copies the mode of the database file to its -wal and -shm files.
        if path.parent.is_dir():
            path.touch(mode=0o600, exist_ok=True)

    def set_up(connection: sqlite3.Connection, _: object) -> None:
        set_pragmas(connection, _pragmas(query_only=query_only), patience_seconds=BUSY_SECONDS)
        connection.text_factory = _decode

    event.listen(engine, "do_connect", create_private)
    event.listen(engine, "connect", set_up)
    event.listen(engine, "handle_error", translate)


def _decode(stored: bytes) -> str:
    """Return a text. Bytes that are not UTF-8 are no error, because one such row must not stop work on the others."""
    return stored.decode("utf-8", "replace")


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


def require_roles(connection: Connection, roles: Collection[str]) -> None:
    """Raise Unavailable unless the roles exist in PostgreSQL."""
    known = set(connection.execute(_ROLES).scalars())
    if missing := sorted(set(roles) - known):
        raise Unavailable("database", detail=f"no role {', '.join(missing)}: create it with createuser")
