"""Columns that a statement compares with a parameter. Returned rows must have those values."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BinaryExpression, BindParameter, Column, Delete, Row, Select
from sqlalchemy.sql import operators
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import BooleanClauseList, Label, Null

from deldokument.store.engine.expressions import InList


@dataclass(frozen=True, slots=True)
class AskedColumn:
    """A column that a statement compares with the parameter ``name``, and returns at ``place``.

    ``name`` is None if the column must be NULL. ``is_list``: the parameter is a list of values. ``id_place``: place of
    the table's primary key in the row, if it is returned.
    """

    table: str
    place: int
    name: str | None
    is_list: bool
    id_place: int | None

    def asked_values(self, values: Mapping[str, Any]) -> Collection[Any]:
        """Return the values that the column may have."""
        if self.name is None:
            return (None,)
        asked = values[self.name]
        return frozenset(asked) if self.is_list else (asked,)

    def row_id(self, row: Row[Any]) -> str:
        """Return the row's id, for the report of a row with a wrong value."""
        found = "?" if self.id_place is None else row[self.id_place]
        return found.hex() if isinstance(found, bytes) else str(found)


@lru_cache(maxsize=2048)
def asked_columns(statement: Executable) -> tuple[AskedColumn, ...]:
    """Return the columns that a SELECT, or a DELETE with RETURNING, compares with parameters or with NULL.

    Conditions within OR, NOT or subqueries do not count, nor do columns that are not returned.
    """
    if not isinstance(statement, Select | Delete) or statement.whereclause is None:
        return ()
    columns = [one.element if isinstance(one, Label) else one for one in statement.exported_columns]
    places = {column: place for place, column in enumerate(columns) if isinstance(column, Column)}
    where = statement.whereclause
    is_list = isinstance(where, BooleanClauseList) and where.operator is operators.and_
    clauses = where.get_children() if is_list else [where]
    return tuple(found for clause in clauses if (found := _asked_column(clause, places)))


def _asked_column(clause: Any, places: Mapping[Column[Any], int]) -> AskedColumn | None:
    match clause:
        case InList():
            column, given = clause.clauses
        case BinaryExpression(operator=operators.eq | operators.is_):
            column, given = clause.left, clause.right
        case _:
            return None
    if not isinstance(column, Column) or column not in places:
        return None
    if not isinstance(given, Null) and not (isinstance(given, BindParameter) and given.required):
        # Compared with a constant or an expression, not with a parameter.
        return None
    name = str(given.key) if isinstance(given, BindParameter) else None
    [key, *more] = column.table.primary_key.columns
    id_place = None if more else places.get(key)
    return AskedColumn(column.table.name, places[column], name, isinstance(clause, InList), id_place)
