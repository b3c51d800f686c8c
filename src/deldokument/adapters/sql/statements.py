"""One transaction's connection, and the few things that SQLite and PostgreSQL say differently.

Promises that a lock is taken where there is something to lock out: rows on PostgreSQL, in a transaction that writes.
On SQLite the one writer has locked out all others from the start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    any_,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from deldokument.domain.errors import NotFound

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Record = TypeVar("_Record", bound="DataclassInstance")
_Item = TypeVar("_Item")
_BATCH = 500
"""How many values one statement is given: below every database's limit, and few distinct statements."""

_LOCK_NAME = select(func.pg_advisory_xact_lock(bindparam("number")))


def param(name: str) -> BindParameter[Any]:
    """A parameter with the type of what it is compared to."""
    return bindparam(name)


class InList(FunctionElement[bool]):
    """Whether a column is one of the many values of the list ``name``.

    On PostgreSQL they are one parameter, so that the statement is the same, and prepared, however many there are.
    """

    # Of no type: one of Boolean is compared with 1 on SQLite, and then finds no index.
    inherit_cache = True

    def __init__(self, column: Column[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=column.type))


@compiles(InList)
def _among(element: InList, compiler: SQLCompiler, **words: Any) -> str:
    column, given = element.clauses
    return compiler.process(column.in_(bindparam(given.key, expanding=True)), **words)


@compiles(InList, "postgresql")
def _among_on_postgres(element: InList, compiler: SQLCompiler, **words: Any) -> str:
    column, given = element.clauses
    return compiler.process(column == any_(bindparam(given.key, type_=ARRAY(column.type))), **words)


def distinct_values(column: Column[Any], where: ColumnElement[bool]) -> Select[Any]:
    """Every value of the column among the rows that are so: a step in their index for each value, not for each row."""
    first = select(func.min(column).label("value")).where(where).cte("found", recursive=True)
    following = select(func.min(column)).where(where, column > first.c.value).scalar_subquery()
    found = first.union_all(select(following).where(first.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))


@dataclass(frozen=True, slots=True)
class Statements:
    """The connection of one transaction. ``writing`` tells what it was begun for."""

    connection: Connection
    writing: bool
    postgres: bool
    _seen: dict[Executable, dict[str, Row[Any]]] = field(default_factory=dict)

    def run(self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()) -> None:
        """Execute for the effect."""
        self.connection.execute(statement, values or None)

    def count(self, statement: Executable, values: Mapping[str, Any] | None = None) -> int:
        """Execute; how many rows were changed."""
        result = self.connection.execute(statement, values)
        if not isinstance(result, CursorResult):
            raise TypeError("a statement that changes rows was expected")
        return result.rowcount

    def change(self, statement: Executable, values: Mapping[str, Any], what: str) -> None:
        """Change the one row that must be there. Raises NotFound."""
        if self.count(statement, values) == 0:
            raise NotFound(what)

    def first(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Row[Any] | None:
        """The first row."""
        return self.connection.execute(statement, values).first()

    def keyed(self, statement: Select[Any], keys: Collection[str]) -> list[Row[Any]]:
        """The rows with the ids ``keys``; what only reads sees one state throughout, and asks once for each."""
        seen = {} if self.writing else self._seen.setdefault(statement, {})
        missing = [key for key in keys if key not in seen]
        seen |= {row.id: row for row in self.batched(statement, "keys", missing)}
        return [seen[key] for key in keys if key in seen]

    def rows(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Every row."""
        return self.connection.execute(statement, values).all()

    def batched(self, statement: Executable, name: str, values: Collection[Any], **others: Any) -> list[Row[Any]]:
        """The rows for all ``values``, given batch by batch as the list ``name``."""
        return [row for batch in batches(values) for row in self.rows(statement, {name: batch, **others})]

    def remove_found(self, ids: Select[Any], table: Table, values: Mapping[str, Any]) -> int:
        """Remove the rows of ``table`` whose ids are found; how many."""
        keys = [row.id for row in self.rows(ids, values)]
        return self.count(delete(table).where(InList(table.c.id, "keys")), {"keys": keys}) if keys else 0

    def locked(self, query: Select[Any]) -> Select[Any]:
        """Hold the rows against other writers. Rows that refer to them may still be inserted."""
        return query.with_for_update(key_share=True) if self._locks_rows else query

    def skip_locked(self, query: Select[Any], table: Table) -> Select[Any]:
        """As ``locked``, leaving out the rows of ``table`` that another worker holds."""
        return query.with_for_update(of=table, key_share=True, skip_locked=True) if self._locks_rows else query

    def advisory_lock(self, *words: str | bytes) -> None:
        """Let one transaction at a time pass here with the same words: for rows that are not there yet to be locked."""
        if self._locks_rows:
            self.run(_LOCK_NAME, {"number": _number(words)})

    def insert_once(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert unless a unique constraint is in the way; whether it was inserted. The transaction goes on."""
        insert = postgresql.insert if self.postgres else sqlite.insert
        statement = insert(table).values(values).on_conflict_do_nothing()
        return self.count(statement.execution_options(preserve_rowcount=True)) == 1

    def insert_or_replace(self, table: Table, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Insert, or write what is no key into the row of the same primary key; each of many."""
        insert = (postgresql.insert if self.postgres else sqlite.insert)(table)
        keys = list(table.primary_key.columns)
        changed = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
        self.run(insert.on_conflict_do_update(index_elements=keys, set_=changed), values)

    @property
    def _locks_rows(self) -> bool:
        return self.postgres and self.writing


class RowMapper(Generic[_Record]):
    """A frozen dataclass whose fields are columns of the same names."""

    def __init__(self, kind: type[_Record], table: Table) -> None:
        self._make: Callable[..., _Record] = kind
        self.table = table
        self._names = [one.name for one in fields(kind)]
        self.columns = [table.c[name] for name in self._names]

    def values(self, record: _Record) -> dict[str, Any]:
        """Column names with the record's values."""
        return {name: getattr(record, name) for name in self._names}

    def one(self, row: Row[Any] | None) -> _Record | None:
        """The record of a row of ``columns``."""
        return None if row is None else self._make(*row)

    def all(self, rows: Sequence[Row[Any]]) -> list[_Record]:
        """The records of rows of ``columns``."""
        return [self._make(*row) for row in rows]


def batches(values: Collection[_Item]) -> Iterator[list[_Item]]:
    """The values in lists of a bounded length."""
    every = list(values)
    for start in range(0, len(every), _BATCH):
        yield every[start : start + _BATCH]


def _number(words: Sequence[str | bytes]) -> int:
    """64 bits, signed as PostgreSQL wants them, in which different words do not collide."""
    digest = hashlib.sha256()
    for word in words:
        encoded = word.encode() if isinstance(word, str) else word
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return int.from_bytes(digest.digest()[:8], "big", signed=True)
