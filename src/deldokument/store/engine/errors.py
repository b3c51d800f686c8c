"""Translation of errors of SQLAlchemy and SQLite to errors of the domain; `postgres` translates PostgreSQL's.

Guarantees:
- The detail for the log names classes, codes and constraints, but contains no value of a row.

An error during the commit is Unavailable too; then it is unknown whether the transaction was committed.
"""

import sqlite3

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from deldokument.domain.errors import Broken, Conflict, ServiceError, StorageFull, Unavailable

_CONFLICTS = frozenset(
    {
        # An existing row of the audit trail: the trigger fires before its key is compared.
        sqlite3.SQLITE_CONSTRAINT_TRIGGER,
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    }
)
_DAMAGED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF
"""SQLite's extended result codes have the primary code in their lowest byte."""


def translate(context: ExceptionContext) -> BaseException | None:
    """Return the domain's error for a driver's error; a handler for SQLAlchemy's handle_error.

    Any other exception is a bug in this program, and raised unchanged.
    """
    original = context.original_exception
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(original)
    return None if isinstance(original, SQLAlchemyError) else original


def of_library(error: SQLAlchemyError) -> ServiceError:
    """Return the domain's error for SQLAlchemy's own: no free connection in time, or an invalid statement."""
    name = type(error).__name__
    return Unavailable("database", detail=name) if isinstance(error, PoolTimeout) else Broken(name)


def _of_sqlite(error: sqlite3.Error) -> ServiceError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = code & _PRIMARY_CODE
    detail = getattr(error, "sqlite_errorname", type(error).__name__)
    if primary == sqlite3.SQLITE_FULL:
        return StorageFull(detail)
    if code in _CONFLICTS:
        return Conflict("state_changed", detail=detail)
    if isinstance(error, sqlite3.OperationalError) and primary not in _DAMAGED:
        return Unavailable("database", detail=detail)
    return Broken(detail)
