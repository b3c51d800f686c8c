"""Authenticated rows: verification of the tags of rows. `tables.tags` lists the columns that each tag covers.

Guarantees:
- A record of `AuthenticatedMapper` comes from a row with a valid tag that is as new as the events about it.
- A damaged row is reported whenever it is read, and never gets a valid tag.

Shares have cards instead; see `share_cards`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ColumnElement, Row, Select, Table, null, update

from deldokument.crypto.row_tags import RowValue, is_row_tag, row_tag
from deldokument.store.engine.column_types import EPOCH
from deldokument.store.engine.integrity import DamagedRow
from deldokument.store.engine.statements import RowMapper, Statements, param

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Record = TypeVar("_Record", bound="DataclassInstance")
_MICROSECOND = timedelta(microseconds=1)
_AS_STORED = frozenset({str, bytes, int, bool, type(None)})
_ABOUT_AGE = frozenset({"id", "removed_at", "revision"})


@dataclass(frozen=True, slots=True)
class RowTags:
    """The tags of one table. ``bound``: the columns that the tag covers, in order.

    ``newest``: an expression for the greatest revision in the events about the row; NULL without such an event.
    ``key``: the column with the id that a report of a damaged row names.
    """

    table: Table
    bound: tuple[str, ...]
    newest: ColumnElement[Any]
    key: str = "id"

    @property
    def kind(self) -> str:
        """The kind of row, which is the name of the table."""
        return self.table.name

    def tag(self, work: Statements, values: Mapping[str, Any]) -> bytes:
        """Return the tag of a row with these values."""
        key = work.integrity.row_key(self.kind)
        return row_tag(key, self.kind, values[self.key], self._stored_values(values))

    def with_tag(self, work: Statements, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of a row to write, with its tag; remember its revision for the events.

        The first revision of a new row is not remembered.
        """
        if values.get("revision", 1) > 1:
            work.revisions[self.kind, values[self.key]] = values["revision"]
        return values | {"tag": self.tag(work, values)}

    def is_intact(self, work: Statements, values: Mapping[str, Any], tag: bytes | None, newest: int | None) -> bool:
        """Return whether the tag is valid for these values, and the row not older than the events about it.

        Reports a row that is not intact.
        """
        key = work.integrity.row_key(self.kind)
        # The schema's owner can admit NULL.
        row_id = values[self.key] or ""
        is_valid = is_row_tag(key, self.kind, row_id, self._stored_values(values), tag or b"")
        if is_valid and not _is_outdated(values, newest):
            return True
        work.damage.report(DamagedRow(self.kind, row_id))
        return False

    def _stored_values(self, values: Mapping[str, Any]) -> list[RowValue]:
        return [stored_value(values[name]) for name in self.bound]


def _is_outdated(values: Mapping[str, Any], newest: int | None) -> bool:
    """Return whether an event is newer than the row. False for a row marked as removed, because it gives no rights.

    The greatest revision counts, not the last event's: an added event cannot lower it. SQLite sorts a revision that is
    not a number after all numbers, so then every row is outdated.
    """
    if newest is None or values.get("removed_at") is not None:
        return False
    revision: int = values.get("revision", 0)
    return not isinstance(newest, int) or revision < newest


def stored_value(value: Any) -> RowValue:
    """Return a value of the domain in its stored form."""
    if type(value) in _AS_STORED:
        return value  # type: ignore[no-any-return]
    match value:
        case datetime():
            return (value - EPOCH) // _MICROSECOND
        case timedelta():
            return value // _MICROSECOND
        case frozenset():
            return ",".join(sorted(value))
        case StrEnum():
            return value.value
    stored: RowValue = value
    return stored


def row_tags(table: Table, bound: str, newest: ColumnElement[Any] | None = None) -> RowTags:
    """Return the tags of a table. ``bound``: names of columns, separated by blanks."""
    found: ColumnElement[Any] = null() if newest is None else newest
    return RowTags(table, tuple(bound.split()), found.label("newest_revision"))


class AuthenticatedMapper(RowMapper[_Record]):
    """Mapping as `RowMapper`, with two more columns: the tag and ``RowTags.newest``. Damaged rows are left out."""

    def __init__(self, kind: type[_Record], tags: RowTags) -> None:
        super().__init__(kind, tags.table)
        self._tags = tags
        self._verified_names = [name for name in self._names if name in _ABOUT_AGE.union(tags.bound)]
        self._save = update(tags.table).where(tags.table.c.id == param("key"))
        self.columns = [*self.columns, tags.table.c.tag, tags.newest]

    def columns_of(self, work: Statements, record: _Record) -> dict[str, Any]:
        """Return column names with the record's values, and its tag."""
        return self._tags.with_tag(work, self.values(record))

    def intact(self, work: Statements, row: Row[Any] | None) -> _Record | None:
        """Return the record of a row of ``columns``; None if the row is damaged."""
        return next(iter(self.all_intact(work, [row] if row else [])), None)

    def all_intact(self, work: Statements, rows: Sequence[Sequence[Any]]) -> list[_Record]:
        """Return the records of rows of ``columns``, without damaged ones."""
        return [record for record, is_intact in self._verify(work, rows) if is_intact]

    def first_intact(self, work: Statements, query: Select[Any], values: Mapping[str, Any]) -> list[_Record]:
        """Return the records that a query with a limit finds. Damaged rows do not count towards the limit."""
        damaged = list[str]()
        while True:
            rows = work.rows(query.where(self._tags.table.c.id.not_in(damaged)) if damaged else query, values)
            verified = self._verify(work, rows)
            some = [row.id for row, (_, is_intact) in zip(rows, verified, strict=True) if not is_intact]
            if not some:
                return [record for record, _ in verified]
            damaged += some

    def rewrite(self, work: Statements, rows: Select[Any], change: Callable[[_Record], _Record], **values: Any) -> int:
        """Change the records of the rows that a query finds, with new tags; return their number.

        A damaged row is changed too and stays damaged, so ``change`` may only reduce rights.
        """
        found = self._verify(work, work.rows(work.with_row_locks(rows), values))
        changed = [(change(record), is_intact) for record, is_intact in found]
        for wanted in (True, False):
            some = [record for record, is_intact in changed if is_intact is wanted]
            written = [self.columns_of(work, one) if wanted else self.values(one) for one in some]
            if written:
                work.run(self._save, [one | {"key": one["id"]} for one in written])
        return len(changed)

    def _verify(self, work: Statements, rows: Sequence[Sequence[Any]]) -> list[tuple[_Record, bool]]:
        return [(one := self.make(row[:-2]), self._is_intact(work, one, *self._proof(row))) for row in rows]

    def _proof(self, row: Sequence[Any]) -> Sequence[Any]:
        """Return the tag and the newest revision; no tag if a NOT NULL column is NULL."""
        return row[-2:] if self.is_complete(row) else (None, row[-1])

    def _is_intact(self, work: Statements, record: _Record, tag: bytes | None, newest: int | None) -> bool:
        values = {name: getattr(record, name) for name in self._verified_names}
        return self._tags.is_intact(work, values, tag, newest)
