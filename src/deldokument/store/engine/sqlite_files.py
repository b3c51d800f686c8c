"""Settings of the service's SQLite files: the database and the keyring.

Guarantees:
- Two processes that open a new file at the same instant both succeed.
"""

import sqlite3
import time
from collections.abc import Iterable

_AGAIN_SECONDS = 0.01


def set_pragmas(connection: sqlite3.Connection, pragmas: Iterable[str], *, patience_seconds: float) -> None:
    """Set pragmas, each as ``name=value``.

    While another connection writes to a file without a write-ahead log, SQLite refuses to create the log. It ignores
    ``busy_timeout`` for that, so the pragma is retried for that time.

    Raises: sqlite3.Error.
    """
    deadline = time.monotonic() + patience_seconds
    for pragma in pragmas:
        while not _is_set(connection, pragma, deadline):
            time.sleep(_AGAIN_SECONDS)


def _is_set(connection: sqlite3.Connection, pragma: str, deadline: float) -> bool:
    try:
        connection.execute(f"PRAGMA {pragma}")
    except sqlite3.OperationalError as error:
        # The low byte, because SQLITE_BUSY_RECOVERY also counts as SQLITE_BUSY.
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True
