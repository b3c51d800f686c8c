"""Column types for values of the domain, for both SQLite and PostgreSQL.

Guarantees:
- A bound value is read back equal.
- An invalid stored value is read as a valid one, or as None, without an error. A tampered row must not stop work on the
  others; its tag does not match. SQLite's tables are strict, but the owner of the file can store values of another
  storage class nevertheless.

Instants and durations are whole microseconds, enums are text, ranges and small mappings are JSON.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    Dialect,
    Integer,
    LargeBinary,
    Text,
    cast,
    literal_column,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)
_Word = TypeVar("_Word", bound=StrEnum)

Ranges = tuple[tuple[int, int], ...]

# Years that replace times outside the range of `datetime`. A retention period or a time zone can still be added to
# them.
_LONG_AGO, _FAR_AWAY = 1000, 9000
_LONGEST = timedelta(days=365_000) // _MICROSECOND


_Reader = Callable[[Any], Any]


class StoredText(Text):
    """Text; empty for a value of another storage class on SQLite."""

    def result_processor(self, dialect: Dialect, _coltype: object) -> _Reader | None:
        """Return the function that checks values read from SQLite."""
        return _only(dialect, str, "")


class StoredBytes(LargeBinary):
    """Bytes; empty for a value of another storage class on SQLite."""

    def result_processor(self, dialect: Dialect, _coltype: object) -> _Reader | None:
        """Return the function that checks values read from SQLite."""
        return _only(dialect, bytes, b"")


class StoredInteger(Integer):
    """An integer; 0 for a value of another storage class on SQLite."""

    def result_processor(self, dialect: Dialect, _coltype: object) -> _Reader | None:
        """Return the function that checks values read from SQLite."""
        return _only(dialect, int, 0)


class StoredBigInteger(BigInteger):
    """A large integer; 0 for a value of another storage class on SQLite."""

    def result_processor(self, dialect: Dialect, _coltype: object) -> _Reader | None:
        """Return the function that checks values read from SQLite."""
        return _only(dialect, int, 0)


def _only(dialect: Dialect, kind: type, otherwise: Any) -> _Reader | None:
    if dialect.name != "sqlite":
        return None
    return lambda value: value if value is None or type(value) is kind else otherwise


class _OtherInstant(datetime):
    """A stored value that is not a valid instant. It is bound unchanged, so that paging can continue after it."""

    stored: Any = None


def _other_instant(year: int, stored: Any) -> _OtherInstant:
    instant = _OtherInstant(year, 1, 1, tzinfo=UTC)
    instant.stored = stored
    return instant


LONG_AGO = _other_instant(_LONG_AGO, None)
_FIRST_DAY, _LAST_DAY = date(_LONG_AGO, 1, 1), date(_FAR_AWAY, 1, 1)


class UtcMicros(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970 in UTC.

    A naive datetime is refused, because it is ambiguous.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> Any:
        """Return microseconds since the epoch.

        Raises: ValueError for a naive datetime.
        """
        if value is None:
            return None
        if isinstance(value, _OtherInstant) and value.stored is not None:
            return value.stored
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone is no instant")
        return (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        """Return the instant, in UTC; outside the range of `datetime`, the start of year 1000 or 9000.

        A value that is not a number gives year 9000, because SQLite sorts it after all numbers.
        """
        if value is None:
            return None
        try:
            return EPOCH + timedelta(microseconds=value)
        except _UNREADABLE:
            is_past = isinstance(value, int | float) and value < 0
            return _other_instant(_LONG_AGO if is_past else _FAR_AWAY, value)


class StoredDate(TypeDecorator[date]):
    """A date. Outside the range it is the first day of year 1000 or 9000; invalid values give year 1000."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type in which it is stored."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Date())

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the column as text, because PostgreSQL has dates that Python has not."""
        return type_coerce(cast(column, Text), self)

    def process_bind_param(self, value: date | None, dialect: Dialect) -> Any:
        """Return the date, or its text."""
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> date | None:
        """Return the date."""
        if value is None:
            return None
        try:
            return min(max(date.fromisoformat(value), _FIRST_DAY), _LAST_DAY)
        except _UNREADABLE:
            return _FIRST_DAY


class DurationMicros(TypeDecorator[timedelta]):
    """A timedelta as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, _dialect: Dialect) -> int | None:
        """Return microseconds."""
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> timedelta | None:
        """Return the duration, limited to about 1000 years; that limit also if the value is not a number."""
        if value is None:
            return None
        return timedelta(microseconds=min(max(value, -_LONGEST), _LONGEST) if isinstance(value, int) else _LONGEST)


class EnumText(TypeDecorator[_Word]):
    """A member of a StrEnum as its text."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[_Word]) -> None:
        super().__init__()
        self.kind = kind
        self._members: Mapping[str | None, _Word] = {word.value: word for word in kind}

    def process_bind_param(self, value: _Word | None, _dialect: Dialect) -> str | None:
        """Return the member's text."""
        return None if value is None else value.value

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> _Word | None:
        """Return the member; None for an unknown text."""
        return self._members.get(value)


class EnumSet(TypeDecorator[frozenset[_Word]]):
    """A set of members of a StrEnum as their sorted texts, separated by commas."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[_Word]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: frozenset[_Word] | None, _dialect: Dialect) -> str | None:
        """Return the texts."""
        return None if value is None else ",".join(sorted(word.value for word in value))

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> frozenset[_Word] | None:
        """Return the set, without unknown texts."""
        return None if value is None else frozenset(word for word in self.kind if word.value in str(value).split(","))


def ranges_text(ranges: Ranges) -> str:
    """Return the ranges in their stored form."""
    return json.dumps(ranges, separators=(",", ":"))


class ByteRanges(TypeDecorator[Ranges]):
    """Half-open byte ranges as a JSON list of pairs."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Ranges | None, _dialect: Dialect) -> str | None:
        """Return the JSON text."""
        return None if value is None else ranges_text(value)

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> Ranges | None:
        """Return the ranges; none for an unreadable text."""
        try:
            return None if value is None else tuple((int(start), int(stop)) for start, stop in json.loads(value))
        except _UNREADABLE:
            return ()


class Codes(TypeDecorator[Mapping[str, str | int]]):
    """A small mapping of codes, counts and ids as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str | int] | None, _dialect: Dialect) -> str | None:
        """Return the JSON text."""
        return None if value is None else json.dumps(dict(value), sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> Mapping[str, str | int] | None:
        """Return the mapping; an empty one for an unreadable text."""
        try:
            return None if value is None else dict(json.loads(value))
        except _UNREADABLE:
            return {}


@compiles(BigInteger, "sqlite")
@compiles(Boolean, "sqlite")
def _strict_integer(*_: Any, **__: Any) -> str:
    return "INTEGER"


_NEUTRAL: list[tuple[type[TypeEngine[Any]], Any]] = [
    (Boolean, False),
    (Integer, 0),
    (Text, ""),
    (LargeBinary, b""),
    (UtcMicros, LONG_AGO),
    (StoredDate, _FIRST_DAY),
    (DurationMicros, timedelta()),
    (EnumSet, frozenset()),
    (ByteRanges, ()),
    (Codes, {}),
]


def neutral_value(column: ColumnElement[Any]) -> Any:
    """Return the value as which NULL is read in a NOT NULL column. The schema's owner can lift the constraint.

    None for an enum, as for an unknown text.
    """
    return next((value for kind, value in _NEUTRAL if isinstance(column.type, kind)), None)


class FirstDetail(FunctionElement[str]):
    """SQL expression for the first of several members that is present in a column of JSON objects.

    Both databases can index it.
    """

    type = Text()
    inherit_cache = True

    def __init__(self, column: Column[Any], names: tuple[str, ...]) -> None:
        super().__init__(column, *(literal_column(f"'{name}'") for name in names))


@compiles(FirstDetail, "sqlite")
def _first_on_sqlite(element: FirstDetail, compiler: SQLCompiler, **words: Any) -> str:
    column, *names = (compiler.process(one, **words) for one in element.clauses)
    return _first([f"json_extract({column}, '$.' || {name})" for name in names])


@compiles(FirstDetail, "postgresql")
def _first_on_postgres(element: FirstDetail, compiler: SQLCompiler, **words: Any) -> str:
    column, *names = (compiler.process(one, **words) for one in element.clauses)
    return _first([f"(({column})::jsonb ->> {name})" for name in names])


class AsDetail(FunctionElement[str]):
    """An id to compare with ``FirstDetail``, so that its index is used.

    The index has the database's own collation on PostgreSQL, and no affinity on SQLite.
    """

    type = Text()
    inherit_cache = True


@compiles(AsDetail, "sqlite")
def _without_affinity(element: AsDetail, compiler: SQLCompiler, **words: Any) -> str:
    return f"+{compiler.process(*element.clauses, **words)}"


@compiles(AsDetail, "postgresql")
def _with_collation(element: AsDetail, compiler: SQLCompiler, **words: Any) -> str:
    return f'{compiler.process(*element.clauses, **words)} COLLATE "default"'


def _first(found: Sequence[str]) -> str:
    """Return the SQL for the first value that is not NULL. SQLite's COALESCE needs at least two arguments."""
    return f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]
