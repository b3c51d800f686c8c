"""How values of the domain stand in columns that SQLite and PostgreSQL have in common.

Promises that what was bound comes back equal: instants and spans as whole microseconds, words as text, ranges and
small mappings as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_Word = TypeVar("_Word", bound=StrEnum)

Ranges = tuple[tuple[int, int], ...]


class UtcMicros(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970 in UTC. A naive one is refused: nobody knows when it is."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Microseconds since the epoch. Raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone is no instant")
        return (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> datetime | None:
        """The instant, in UTC."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class DurationMicros(TypeDecorator[timedelta]):
    """A timedelta as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: timedelta | None, _dialect: Dialect) -> int | None:
        """Microseconds."""
        return None if value is None else value // _MICROSECOND

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> timedelta | None:
        """The span."""
        return None if value is None else timedelta(microseconds=value)


class EnumText(TypeDecorator[_Word]):
    """A member of a StrEnum as its text."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[_Word]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: _Word | None, _dialect: Dialect) -> str | None:
        """The word's text."""
        return None if value is None else value.value

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> _Word | None:
        """The member. Raises ValueError for a text that is none."""
        return None if value is None else self.kind(value)


class EnumSet(TypeDecorator[frozenset[_Word]]):
    """A set of members of a StrEnum as their texts in order, with commas between."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[_Word]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: frozenset[_Word] | None, _dialect: Dialect) -> str | None:
        """The texts."""
        return None if value is None else ",".join(sorted(word.value for word in value))

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> frozenset[_Word] | None:
        """The members. Raises ValueError for a text that is none."""
        return None if value is None else frozenset(self.kind(text) for text in value.split(","))


class ByteRanges(TypeDecorator[Ranges]):
    """Half-open byte ranges as a JSON list of pairs."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Ranges | None, _dialect: Dialect) -> str | None:
        """The JSON text."""
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> Ranges | None:
        """The ranges."""
        return None if value is None else tuple((start, stop) for start, stop in json.loads(value))


class Codes(TypeDecorator[Mapping[str, str | int]]):
    """A small mapping of codes, counts and ids as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, str | int] | None, _dialect: Dialect) -> str | None:
        """The JSON text."""
        return None if value is None else json.dumps(dict(value), sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> Mapping[str, str | int] | None:
        """The mapping."""
        if value is None:
            return None
        loaded: Mapping[str, str | int] = json.loads(value)
        return loaded
