"""What `pg_dump` wrote, put into a new SQLite database with the tables of the dump's revision."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from alembic import command

from deldokument.adapters.sql.engines import open_engines
from deldokument.adapters.sql.migrations import configuration

Value = str | bytes | int | None

_TABLE = re.compile(r"^CREATE TABLE public\.(\w+) \(\n(.*?)^\);", re.M | re.S)
_COLUMN = re.compile(r'^ +"?(\w+)"? (\w+)', re.M)
_ROWS = re.compile(r"^COPY public\.(\w+) \((.*?)\) FROM stdin;\n(.*?)^\\\.$", re.M | re.S)
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}
_READ: dict[str, Callable[[str], Value]] = {
    "boolean": lambda text: int(text == "t"),
    "bytea": lambda text: bytes.fromhex(text.removeprefix("\\x")),
}


def load_into_sqlite(dump: Path, database: Path) -> None:
    """The dump's tables, made by the migrations that made them then, and its rows."""
    text = dump.read_text("utf-8")
    [(_, _, revision)] = [found for found in _ROWS.findall(text) if found[0] == "alembic_version"]
    _make_tables(database, revision.strip())
    types = {table: dict(_COLUMN.findall(columns)) for table, columns in _TABLE.findall(text)}
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        for table, given, lines in _ROWS.findall(text):
            columns = [name.strip('"') for name in given.split(", ")]
            connection.execute(f'DELETE FROM "{table}"')
            marks = ", ".join("?" * len(columns))
            names = ", ".join(f'"{name}"' for name in columns)
            rows = _rows(lines, [types[table][name] for name in columns])
            connection.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)


def _make_tables(database: Path, revision: str) -> None:
    engines = open_engines(f"sqlite:///{database}")
    try:
        with engines.write() as connection:
            command.upgrade(configuration(connection), revision)
    finally:
        engines.close()


def _rows(lines: str, types: list[str]) -> Iterator[list[Value]]:
    for line in lines.split("\n")[:-1]:
        yield [_value(text, kind) for text, kind in zip(line.split("\t"), types, strict=True)]


def _value(text: str, kind: str) -> Value:
    """Numbers stay text: the column makes them numbers."""
    if text == r"\N":
        return None
    meant = _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), text)
    return _READ.get(kind, str)(meant)
