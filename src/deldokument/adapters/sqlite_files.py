"""What the service's SQLite files, the database and the keyring, are opened with.

Promises that two who open a new file at the same instant both get it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable

_AGAIN_SECONDS = 0.01


def set_pragmas(connection: sqlite3.Connection, pragmas: Iterable[str], *, patience_seconds: float) -> None:
    """Each of them, ``name=value``. Raises sqlite3.Error.

    While another connection writes to a file that has no write-ahead log yet, SQLite refuses to give it one at once,
    whatever its ``busy_timeout`` is; so it is asked again for as long.
    """
    deadline = time.monotonic() + patience_seconds
    for pragma in pragmas:
        while not _is_set(connection, pragma, deadline):
            time.sleep(_AGAIN_SECONDS)


def _is_set(connection: sqlite3.Connection, pragma: str, deadline: float) -> bool:
    try:
        connection.execute(f"PRAGMA {pragma}")
    except sqlite3.OperationalError as error:
        # The low byte: a recovery in the way is SQLITE_BUSY too.
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
            raise
        return False
    return True
