"""SQL expressions for both databases, which need different SQL."""

from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, String, any_, bindparam, cast, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class InList(FunctionElement[bool]):
    """Condition that a column has one of the values of the list ``name``.

    On PostgreSQL the list is one parameter, so that one prepared statement serves any number of values.
    """

    # Without a type: SQLAlchemy compares a Boolean with 1 on SQLite, which prevents the use of an index.
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=column.type))


@compiles(InList)
def _among(element: InList, compiler: SQLCompiler, **words: Any) -> str:
    column, given = element.clauses
    return compiler.process(column.in_(bindparam(given.key, expanding=True)), **words)


@compiles(InList, "postgresql")
def _among_on_postgres(element: InList, compiler: SQLCompiler, **words: Any) -> str:
    column, given = element.clauses
    return compiler.process(column == any_(bindparam(given.key, type_=ARRAY(column.type))), **words)


def is_current(tenant_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that the tenant is not in the list ``behind`` of `Statements.held`."""
    return ~InList(tenant_id, "behind")


def total(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the sum of a column; 0 without rows. It keeps the column's type, which PostgreSQL's sum changes."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


class CountedTexts(FunctionElement[str]):
    """The number of rows and their texts in a column, separated by commas; NULL without rows.

    On SQLite, a value of another storage class is read as a comma.

    SQLAlchemy's `aggregate_strings` would render the separator into PostgreSQL's statement at each execution.
    """

    type = String()
    inherit_cache = True


@compiles(CountedTexts)
def _compile_counted_texts(element: CountedTexts, compiler: SQLCompiler, **words: Any) -> str:
    column = compiler.process(element.clauses, **words)
    return f"count(*) || ',' || group_concat(CASE typeof({column}) WHEN 'text' THEN {column} ELSE ',' END, ',')"


@compiles(CountedTexts, "postgresql")
def _counted_on_postgres(element: CountedTexts, compiler: SQLCompiler, **words: Any) -> str:
    return f"count(*) || ',' || string_agg({compiler.process(element.clauses, **words)}, ',')"


def counted_texts(found: str | None) -> set[str]:
    """Return the texts of ``CountedTexts``.

    If one contains a comma or is duplicated, return the whole as one invalid id.
    """
    count, *texts = found.split(",") if found else ("0",)
    return different if count == str(len(different := set(texts))) else {found or ""}
