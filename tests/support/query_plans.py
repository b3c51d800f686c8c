"""What a database says that it does for the statements that it is sent."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from deldokument.store.engine.engines import open_engines
from tests.support.deployment.stack import Embedded

# PostgreSQL may sort the few rows that an index has found.
EVERYTHING_READ = re.compile(r"Seq Scan|^SCAN|USE TEMP B-TREE|AUTOMATIC", re.M)


@contextmanager
def statements(kind: str = "SELECT") -> Iterator[list[tuple[str, Any]]]:
    """The statements of databases meanwhile that begin so, with their values."""
    sent: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        if statement.startswith(kind):
            sent.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextmanager
def filled_once(request: pytest.FixtureRequest, folder: Path, fill: Callable[[str], None]) -> Iterator[str]:
    """A database of the kind that the fixture's parameter names, filled, to be read only."""
    if request.param == "sqlite":
        url = Embedded().database_url(folder)
        fill(url)
        yield url
        return
    with request.getfixturevalue("postgres_server").database() as url:
        fill(url)
        yield url


def plans(url: str, asked: list[tuple[str, Any]]) -> str:
    """The plan of each statement, line by line."""
    engines = open_engines(url)
    explain = "EXPLAIN" if engines.is_postgres else "EXPLAIN QUERY PLAN"
    with engines.read() as connection:
        lines = [
            str(row[-1])
            for statement, values in asked
            for row in connection.exec_driver_sql(f"{explain} {statement}", values)
        ]
    engines.close()
    return "\n".join(lines)
