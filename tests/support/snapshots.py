"""The database as it was, to go back to after a change. Connections may stay open meanwhile."""

import sqlite3
from contextlib import closing
from typing import Protocol

import psycopg
from sqlalchemy import make_url

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


class Snapshot(Protocol):
    """All rows at one instant."""

    def restore(self) -> None:
        """Go back."""
        ...

    def close(self) -> None:
        """Forget it."""
        ...


def snapshot(database_url: str) -> Snapshot:
    """Take one."""
    url = make_url(database_url)
    return _OfFile(str(url.database)) if url.get_backend_name() == "sqlite" else _OfServer(database_url)


class _OfFile:
    """A copy of the file, in memory."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._kept = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self._path)) as live:
            live.backup(self._kept)

    def restore(self) -> None:
        with closing(sqlite3.connect(self._path)) as live:
            self._kept.backup(live)

    def close(self) -> None:
        self._kept.close()


class _OfServer:
    """A copy of each table, in a schema of its own."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        tables = [table for (table,) in self._connection.execute(_TABLES).fetchall()]
        self._run("CREATE SCHEMA before", *(f'CREATE TABLE before."{one}" AS TABLE public."{one}"' for one in tables))
        emptied = (f'DELETE FROM public."{one}"' for one in tables)
        filled = (f'INSERT INTO public."{one}" TABLE before."{one}"' for one in tables)
        self._back = ("SET LOCAL session_replication_role = replica", *emptied, *filled)

    def restore(self) -> None:
        self._run(*self._back)

    def close(self) -> None:
        self._run("DROP SCHEMA before CASCADE")
        self._connection.close()

    def _run(self, *statements: str) -> None:
        with self._connection.transaction():
            self._connection.execute(";".join(statements).encode())
