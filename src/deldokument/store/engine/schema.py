"""Basis of all tables: the metadata with its naming convention, and columns that many tables have.

Predicates of partial indexes contain literals, and queries repeat them unchanged, because a planner cannot match a
parameter with an index predicate.
"""

from typing import Any

from sqlalchemy import Column, ColumnElement, ForeignKey, Index, MetaData, Table, event

from deldokument.store.engine.column_types import StoredBytes, StoredText

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _make_strict(table: Table, parent: MetaData) -> None:
    """Have SQLite refuse values of another type, as PostgreSQL does."""
    if parent is metadata:
        table.dialect_options["sqlite"]["strict"] = True


event.listen(Table, "after_parent_attach", _make_strict)

# Random ids are compared byte by byte, which costs less than a language's collation.
Id = StoredText().with_variant(StoredText(collation="C"), "postgresql")


def primary() -> Column[str]:
    return Column("id", Id, primary_key=True)


def reference(name: str, target: str) -> Column[str]:
    return Column(name, Id, ForeignKey(f"{target}.id"), nullable=False)


def optional(name: str, target: str) -> Column[str]:
    return Column(name, Id, ForeignKey(f"{target}.id"))


def sealed(name: str) -> Column[bytes]:
    return Column(name, StoredBytes, nullable=False)


def tag() -> Column[bytes]:
    """Return the column of a row's tag."""
    return Column("tag", StoredBytes, nullable=False)


def partial(name: str, where: ColumnElement[bool], *columns: Column[Any], unique: bool = False) -> None:
    Index(name, *columns, unique=unique, postgresql_where=where, sqlite_where=where)
