"""Statements on one transaction's connection, and the differences between SQLite and PostgreSQL.

Guarantees:
- Row locks are taken in write transactions on PostgreSQL. On SQLite the only writer excludes all others from the start.
- A returned row has the values that the statement asked for. A forged view or a faulty pooler could return an authentic
  row of another key. Such a row is reported as damaged, and left out.

Statements are built once, and get new values as parameters, because building one takes several times as long as running
it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Result,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult
from sqlalchemy.sql.base import Executable

from deldokument.domain.errors import NotFound
from deldokument.store.engine.asked_columns import asked_columns
from deldokument.store.engine.column_types import neutral_value
from deldokument.store.engine.expressions import InList
from deldokument.store.engine.integrity import ChainsBehind, DamagedRow, DamageReports, IntegrityKeys

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Record = TypeVar("_Record", bound="DataclassInstance")
_Item = TypeVar("_Item")
_BATCH = 500
"""Values per statement: below every database's limit, and few distinct statements."""

_FEW = 4
_FEW_NAMES = [f"key_{number}" for number in range(_FEW)]
FEW_KEYS: list[BindParameter[Any]] = [bindparam(name) for name in _FEW_NAMES]
"""The parameters for a few ids; see ``few_at_a_time``."""
_Insert = Callable[[Table], postgresql.Insert] | Callable[[Table], sqlite.Insert]
_NOT_ASCII: ColumnElement[str] = literal_column("'*[^ -~]*'")
_LOCK_NAME = select(func.pg_advisory_xact_lock(bindparam("number")))
_TRY_LOCK_NAME = select(func.pg_try_advisory_xact_lock(bindparam("number")))


def param(name: str) -> BindParameter[Any]:
    """Return a parameter with the type of the column to which it is compared."""
    return bindparam(name)


@dataclass(frozen=True, slots=True)
class ByKey:
    """The queries for the row with one id, for rows with up to `_FEW` ids, and for rows with the ids ``keys``.

    PostgreSQL caches the plans for one and for few ids, which are parameters. For each list it makes a new plan, which
    takes several times as long as the execution.
    """

    one: Select[Any]
    few: Select[Any]
    many: Select[Any]


def by_key(query: Select[Any], column: Column[Any]) -> ByKey:
    """Return the queries for rows by their id, which is ``column``."""
    return ByKey(
        query.where(column == param("key")),
        query.where(column.in_(FEW_KEYS)),
        query.where(InList(column, "keys")),
    )


def distinct_values(column: Column[Any], where: ColumnElement[bool]) -> Select[Any]:
    """Return a query for the distinct values of the column in matching rows, with one index lookup per value."""
    first = select(func.min(column).label("value")).where(where).cte("found", recursive=True)
    following = select(func.min(column)).where(where, column > first.c.value).scalar_subquery()
    found = first.union_all(select(following).where(first.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))


@dataclass(frozen=True, slots=True)
class Statements:
    """The connection of one transaction. ``writing``: it is a write transaction.

    ``revisions``: revisions of the rows that it has written, by kind and id.
    """

    connection: Connection
    writing: bool
    postgres: bool
    integrity: IntegrityKeys
    damage: DamageReports
    behind: ChainsBehind = field(default_factory=ChainsBehind)
    revisions: dict[tuple[str, str], int] = field(default_factory=dict)
    _seen: dict[ByKey, dict[str, Any]] = field(default_factory=dict)

    @property
    def held(self) -> dict[str, list[str]]:
        """The values for `is_current`: tenants for which the worker must not end, erase or send anything at present."""
        return {"behind": list(self.behind.chains)}

    def run(self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()) -> None:
        """Execute a statement with ``values``, or once for each of several.

        An insert or an update without values of its own writes the values with the names of columns.
        """
        match values:
            case [one]:
                # A list makes the driver prepare for many rows, even if it has only one.
                self._execute(statement, one)
            case _:
                self._execute(statement, values or None)

    def count(self, statement: Executable, values: Mapping[str, Any] | None = None) -> int:
        """Execute a statement, and return the number of changed rows."""
        result = self._execute(statement, values)
        if not isinstance(result, CursorResult):
            raise TypeError("a statement that changes rows was expected")
        return result.rowcount

    def change(self, statement: Executable, values: Mapping[str, Any], what: str) -> None:
        """Change the one row that must exist.

        Raises: NotFound.
        """
        if self.count(statement, values) == 0:
            raise NotFound(what)

    def first(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Row[Any] | None:
        """Return the first row."""
        row = self._execute(statement, values).first()
        return next(iter(self.asked_for(statement, values, [row])), None) if row else None

    def records_by_key(
        self, query: ByKey, keys: Collection[str], make: Callable[[Row[Any]], _Item]
    ) -> dict[str, _Item]:
        """Return the records that ``make`` creates from the rows with the ids ``keys``, in their order.

        Records are cached. A read transaction, which sees one snapshot, keeps them; a write transaction discards them
        at every other statement, which may wait for a lock.
        """
        seen: dict[str, _Item] = self._seen.setdefault(query, {})
        missing = [key for key in keys if key not in seen]
        if len(missing) == 1:
            found = self.connection.execute(query.one, {"key": missing[0]}).all()
        elif 1 < len(missing) <= _FEW:
            found = self.connection.execute(query.few, _few_keys(missing)).all()
        else:
            found = [row for some in batches(missing) for row in self.connection.execute(query.many, {"keys": some})]
        seen |= {row.id: make(row) for row in self.asked_for(query.many, {"keys": missing}, found)}
        return {key: seen[key] for key in keys if key in seen}

    def has(self, query: ByKey, key: str) -> bool:
        """Return whether the cache has the record with this key."""
        return key in self._seen.get(query, ())

    def keep(self, query: ByKey, key: str, record: Any) -> None:
        """Add to the cache a record that was read with another row."""
        self._seen.setdefault(query, {})[key] = record

    def rows(self, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Return every row."""
        return self.asked_for(statement, values, self._execute(statement, values).all())

    def asked_for(
        self, statement: Executable, values: Mapping[str, Any] | None, rows: Sequence[Row[Any]]
    ) -> Sequence[Row[Any]]:
        """Return the rows with the values that a statement with these columns asks for; report the others.

        Done automatically for each statement. Call it for rows chosen by a subquery, whose conditions are not checked.
        """
        for column in asked_columns(statement):
            asked = column.asked_values(values or {})
            others = [row for row in rows if row[column.place] not in asked]
            for row in others:
                self.damage.report(DamagedRow(column.table, column.row_id(row)))
            rows = [row for row in rows if row not in others] if others else rows
        return rows

    def rows_in_batches(
        self, statement: Executable, name: str, values: Collection[Any], **others: Any
    ) -> list[Row[Any]]:
        """Return the rows for all ``values``, passed in batches as the list ``name``."""
        return [row for batch in batches(values) for row in self.rows(statement, {name: batch, **others})]

    def remove_found(self, ids: Select[Any], table: Table, values: Mapping[str, Any]) -> int:
        """Delete the rows of ``table`` whose ids the query ``ids`` returns; return their number."""
        keys = [row.id for row in self.rows(ids, values)]
        return self.count(delete(table).where(InList(table.c.id, "keys")), {"keys": keys}) if keys else 0

    def with_row_locks(self, query: Select[Any]) -> Select[Any]:
        """Return the query with row locks against other writers.

        Other writers may still insert rows that refer to them.
        """
        return _with_row_locks(query) if self._locks_rows else query

    def lock_one(self, query: ByKey, key: str) -> Row[Any] | None:
        """Return the row with the id, locked as by ``with_row_locks``."""
        return self.first(self.with_row_locks(query.one), {"key": key})

    def skip_locked(self, query: Select[Any], table: Table) -> Select[Any]:
        """Return the query as ``with_row_locks``, skipping rows of ``table`` that another worker has locked.

        Like ``with_keys``, it also skips rows with invalid keys, which would fill each batch of work.
        """
        query = self.with_keys(query, table)
        return query.with_for_update(of=table, key_share=True, skip_locked=True) if self._locks_rows else query

    def with_keys(self, query: Select[Any], table: Table) -> Select[Any]:
        """Return the query without rows of ``table`` whose keys are not ASCII texts.

        SQLite accepts bytes in every column, and texts that are not UTF-8. No parameter equals those.
        """
        return query if self.postgres else _with_keys(query, table)

    def advisory_lock(self, *words: str | bytes) -> None:
        """Take an advisory lock on the words until the transaction ends. It protects rows that do not exist yet."""
        if self._locks_rows:
            self.run(_LOCK_NAME, {"number": _number(words)})

    def try_advisory_lock(self, *words: str | bytes) -> bool:
        """Take an advisory lock as ``advisory_lock``, without waiting; return whether it was free."""
        return not self._locks_rows or bool(self.rows(_TRY_LOCK_NAME, {"number": _number(words)})[0][0])

    def insert_once(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Insert a row unless a unique constraint forbids it; return True if inserted.

        The transaction continues.
        """
        return self.count(_insert_once(table, self._insert), values) == 1

    def insert_or_replace(self, table: Table, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Insert a row, or overwrite the row with the same primary key, except for that key. Also for many rows."""
        self.run(_insert_or_replace(table, self._insert), values)

    def _execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
    ) -> Result[Any]:
        if self.writing:
            self._seen.clear()
        return self.connection.execute(statement, values)

    @property
    def _locks_rows(self) -> bool:
        return self.postgres and self.writing

    @property
    def _insert(self) -> _Insert:
        return postgresql.insert if self.postgres else sqlite.insert


class Repository:
    """Base of repositories, which read and write rows with the statements of one transaction."""

    def __init__(self, work: Statements) -> None:
        self._work = work


def plain_fields(kind: type[DataclassInstance], *others: str) -> list[str]:
    """Return the names of the fields that have a column of the same name: all except ``others``."""
    return [one.name for one in fields(kind) if one.name not in others]


def plain_values(row: object, table: Table, names: Sequence[str]) -> dict[str, Any]:
    """Return the row's values by field; neutral values for NULL in a NOT NULL column."""
    values = {name: getattr(row, name) for name in names}
    missing = [name for name, one in values.items() if one is None and not table.c[name].nullable]
    return values | {name: neutral_value(table.c[name]) for name in missing}


def prefix_columns(name: str, part: DataclassInstance) -> dict[str, Any]:
    """Return the values of a part of a record by column: ``name_`` followed by the field's name."""
    return {f"{name}_{one.name}": getattr(part, one.name) for one in fields(part)}


class RowMapper(Generic[_Record]):
    """Mapping between a frozen dataclass and columns with the names of its fields."""

    def __init__(self, kind: type[_Record], table: Table, besides: Collection[str] = ()) -> None:
        """Map the fields of ``kind`` except ``besides``, which have defaults and no columns."""
        self._make: Callable[..., _Record] = kind
        self.table = table
        self._names = plain_fields(kind, *besides)
        self.columns: list[ColumnElement[Any]] = [table.c[name] for name in self._names]
        required = [place for place, name in enumerate(self._names) if not table.c[name].nullable]
        self._neutral = {place: neutral_value(table.c[self._names[place]]) for place in required}
        # With an empty slice it always returns a tuple, even for one place or none.
        self._required = itemgetter(*required, slice(0))

    def values(self, record: _Record) -> dict[str, Any]:
        """Return column names with the record's values."""
        return {name: getattr(record, name) for name in self._names}

    def make(self, values: Sequence[Any]) -> _Record:
        """Return the record with the values of ``columns``."""
        if not self.is_complete(values):
            values = [self._neutral.get(place) if one is None else one for place, one in enumerate(values)]
        return self._make(*values)

    def is_complete(self, values: Sequence[Any]) -> bool:
        """Return whether no NOT NULL column is NULL. The schema's owner can lift that constraint."""
        return None not in self._required(values)

    def one(self, row: Row[Any] | None) -> _Record | None:
        """Return the record of a row of ``columns``."""
        return None if row is None else self.make(row)

    def all(self, rows: Sequence[Sequence[Any]]) -> list[_Record]:
        """Return the records of rows of ``columns``."""
        return [self.make(row) for row in rows]


@cache
def _insert_once(table: Table, insert: _Insert) -> Executable:
    return insert(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


@cache
def _insert_or_replace(table: Table, insert: _Insert) -> Executable:
    new = insert(table)
    keys = list(table.primary_key.columns)
    changed = {column.name: new.excluded[column.name] for column in table.c if not column.primary_key}
    return new.on_conflict_do_update(index_elements=keys, set_=changed)


@lru_cache(maxsize=256)
def _with_row_locks(query: Select[Any]) -> Select[Any]:
    return query.with_for_update(key_share=True)


@lru_cache(maxsize=256)
def _with_keys(query: Select[Any], table: Table) -> Select[Any]:
    for key in table.primary_key.columns:
        if isinstance(key.type, Text):
            query = query.where(func.typeof(key) == literal_column("'text'"), key.op("NOT GLOB")(_NOT_ASCII))
    return query


def batches(values: Collection[_Item], most: int = _BATCH) -> Iterator[list[_Item]]:
    """Yield the values in lists of a bounded length."""
    every = list(values)
    for start in range(0, len(every), most):
        yield every[start : start + most]


def few_at_a_time(keys: Collection[str]) -> Iterator[dict[str, str]]:
    """Yield the ids as parameters: a single one as ``key``, several as ``FEW_KEYS``."""
    for some in batches(keys, _FEW):
        yield {"key": some[0]} if len(some) == 1 else _few_keys(some)


def _few_keys(keys: Sequence[str]) -> dict[str, str]:
    """Return the parameters of ``ByKey.few`` for two to `_FEW` ids; the last is repeated."""
    return {name: keys[min(number, len(keys) - 1)] for number, name in enumerate(_FEW_NAMES)}


def _number(words: Sequence[str | bytes]) -> int:
    """Return a 64-bit hash of the words, signed as PostgreSQL requires."""
    digest = hashlib.sha256()
    for word in words:
        encoded = word.encode() if isinstance(word, str) else word
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return int.from_bytes(digest.digest()[:8], "big", signed=True)
