"""The keyring that is an SQLite file of its own, and the root key that is a file beside it.

Promises that an entry is durable when `create` returns, and that when `destroy` returns no file of the keyring holds
the entry's sealed key any more. Deliberately does not know what the keys open, nor when an entry ought to end.

How the second promise is kept. With ``secure_delete`` alone, copies of deleted rows stayed in the file: 42 of 68 016 in
a table without rowids and 16 with, measured over random creations and destructions; SQLite moves neighbouring rows when
it balances a tree. So sealed keys stand in slots of one fixed size: a slot is appended, filled and cleared in place and
never deleted, hence never moved (0 of 41 518). A freed slot is filled again by a later entry, so the file is no bigger
than the most entries that lived at once. Ids are no secrets and live in an ordinary table. The write-ahead log is
emptied before `destroy` returns, and statement journals stay in memory. What a disk or a snapshot keeps of overwritten
blocks is answered by `rotate`, which makes every older copy worthless once the old root key is destroyed.
"""

from __future__ import annotations

import binascii
import hashlib
import json
import os
import sqlite3
import stat
import time
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deldokument.adapters.files import sync_directory, write_new
from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import KEY, KeyWrapper, RootKey, new_key
from deldokument.domain.errors import Broken, Conflict, StorageFull, Unavailable

SLOT: Final = 128
"""Bytes of a slot: the sealed key's length in one byte, the sealed key, zeros. Room for any wrapper's 32-byte keys."""

_EMPTY: Final = bytes(SLOT)
_BUSY_SECONDS: Final = 10.0
_BATCH: Final = 1000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS root (only INTEGER PRIMARY KEY CHECK (only = 1), key_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS slot (number INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS vacancy (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS entry (
    id TEXT PRIMARY KEY,
    slot INTEGER NOT NULL UNIQUE,
    created_at INTEGER NOT NULL DEFAULT (unixepoch())
) WITHOUT ROWID;
"""
_SETTINGS: Final = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY")
_ROW: Final = "SELECT id, slot, sealed, key_id FROM entry JOIN slot ON number = slot JOIN root WHERE id = ?"
_ROWS: Final = """
SELECT id, slot, sealed, key_id FROM entry JOIN slot ON number = slot JOIN root
WHERE id IN (SELECT value FROM json_each(?))
"""
_ROWS_AFTER: Final = """
SELECT id, slot, sealed, key_id FROM entry JOIN slot ON number = slot JOIN root
WHERE id > ? ORDER BY id LIMIT ?
"""
_FILL: Final = "UPDATE slot SET sealed = ? WHERE number = ?"

_Row = tuple[str, int, bytes, str]


class SqliteKeyring:
    """Satisfies `Keyring` over one file, for any number of threads and processes on one machine.

    All entries are under one root key, whose id the file holds. Raises Unavailable when it is not the one given.
    """

    def __init__(self, path: Path, root_key: KeyWrapper) -> None:
        self._path = path
        self._root_key = root_key
        self._idle: deque[sqlite3.Connection] = deque()
        _make_private(path)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def create(self, entry_id: str) -> bytes:
        """The entry's key, made if there is none. ValueError on an empty id."""
        if not entry_id:
            raise ValueError("an entry needs an id")
        existing = self.get([entry_id])
        if existing:
            return existing[entry_id]
        with self._transaction() as connection:
            # Another thread or process may have been first, or rotated; the write lock is held from here on.
            self._require_root_key(connection)
            row = connection.execute(_ROW, (entry_id,)).fetchone()
            if row is not None:
                return self._opened(row)
            key = new_key()
            slot = _filled_slot(connection, _boxed(self._root_key.wrap(entry_id, key)))
            connection.execute("INSERT INTO entry (id, slot) VALUES (?, ?)", (entry_id, slot))
        return key

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        """The keys that exist among the ids. Raises Unavailable, or Broken when one cannot be unsealed."""
        with self._connection() as connection:
            rows: list[_Row] = connection.execute(_ROWS, (json.dumps(list(entry_ids)),)).fetchall()
        return {row[0]: self._opened(row) for row in rows}

    def ids(self, prefix: str) -> list[str]:
        """The ids that begin with the prefix, in order."""
        with self._connection() as connection:
            found = connection.execute(
                "SELECT id FROM entry WHERE id >= ?1 AND id < ?1 || char(0x10ffff) ORDER BY id", (prefix,)
            )
            return [entry_id for (entry_id,) in found]

    def destroy(self, entry_ids: Collection[str]) -> None:
        """Clear the entries' slots in one transaction, then the log.

        Raises Unavailable when the log could not be emptied, also for ids that are gone already: done again, it
        succeeds only when nothing of them is left.
        """
        with self._transaction() as connection:
            slots = connection.execute(
                "DELETE FROM entry WHERE id IN (SELECT value FROM json_each(?)) RETURNING slot",
                (json.dumps(list(entry_ids)),),
            ).fetchall()
            connection.executemany(_FILL, [(_EMPTY, number) for (number,) in slots])
            connection.executemany("INSERT INTO vacancy (number) VALUES (?)", slots)
        self._empty_log()

    def rotate(self, new_root_key: KeyWrapper) -> int:
        """Seal every living entry anew under another root key, in one transaction; how many there were.

        Raises Broken, and changes nothing, when an entry does not open. Afterwards other processes get Unavailable
        until they are started with the new root key. The old one opens nothing any more: destroy it.
        """
        rotated, last = 0, ""
        with self._transaction() as connection:
            self._require_root_key(connection)
            while rows := _rows_after(connection, last):
                resealed = [(_boxed(new_root_key.wrap(row[0], self._opened(row))), row[1]) for row in rows]
                connection.executemany(_FILL, resealed)
                rotated, last = rotated + len(rows), rows[-1][0]
            connection.execute("UPDATE root SET key_id = ?", (new_root_key.key_id,))
        self._root_key = new_root_key
        self._empty_log()
        return rotated

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _prepare(self) -> None:
        with self._transaction() as connection:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT OR IGNORE INTO root (only, key_id) VALUES (1, ?)", (self._root_key.key_id,))
            self._require_root_key(connection)

    def _require_root_key(self, connection: sqlite3.Connection) -> None:
        (key_id,) = connection.execute("SELECT key_id FROM root").fetchone()
        self._require_same(key_id)

    def _require_same(self, key_id: str) -> None:
        if key_id != self._root_key.key_id:
            detail = f"{self._path} is under root key {key_id}, not {self._root_key.key_id}"
            raise Unavailable("keyring", detail=detail)

    def _opened(self, row: _Row) -> bytes:
        entry_id, _, sealed, key_id = row
        self._require_same(key_id)
        try:
            return self._root_key.unwrap(entry_id, sealed[1 : 1 + sealed[0]])
        except IntegrityError:
            raise Broken(f"entry {entry_id} does not open") from None

    def _empty_log(self) -> None:
        """Move the log into the file and cut it to nothing; readers in the way are waited for."""
        deadline = time.monotonic() + _BUSY_SECONDS
        with self._connection() as connection:
            while _log_is_busy(connection):
                if time.monotonic() > deadline:
                    raise Unavailable("keyring", detail="the log could not be emptied: a reader stayed in the way")
                time.sleep(0.01)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.rollback()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection that no other thread uses meanwhile: as many as there are threads at once, kept for the next."""
        with _as_service_errors():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = _connect(self._path)
            try:
                yield connection
            finally:
                self._idle.append(connection)


def load_root_key(path: Path) -> RootKey:
    """The root key in a file: 32 bytes as base64 or as 64 hex digits, white space round it allowed.

    Raises Unavailable when the file cannot be read, may be read by others than its owner, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(1024).strip()
    except OSError as error:
        raise Unavailable("root_key", detail=f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(mode):
        raise Unavailable("root_key", detail=f"{path} is not a regular file")
    if mode & 0o077:
        raise Unavailable("root_key", detail=f"{path} is open to others than its owner: chmod 600")
    key = _decoded(text)
    if key is None:
        raise Unavailable("root_key", detail=f"{path} does not hold 32 bytes as base64 or hex")
    return _root_key(key)


def create_root_key(path: Path) -> RootKey:
    """Draw a root key and write it, durable and for the owner alone. Raises Conflict when the file exists."""
    key = new_key()
    try:
        write_new(path, b64encode(key) + b"\n")
        sync_directory(path.parent)
    except FileExistsError:
        raise Conflict("root_key_exists", detail=str(path)) from None
    except OSError as error:
        raise Unavailable("root_key", detail=f"{path}: {error.strerror}") from None
    return _root_key(key)


def _root_key(key: bytes) -> RootKey:
    """Named by a digest of the key, so that an entry under another root key is known as such wherever files lie."""
    return RootKey("file-" + hashlib.sha256(b"deldokument/root-key-id/1" + key).hexdigest()[:16], key)


def _decoded(text: bytes) -> bytes | None:
    try:
        key = bytes.fromhex(text.decode("ascii")) if len(text) == 2 * KEY else b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == KEY else None


def _make_private(path: Path) -> None:
    """For the owner alone from the first byte; SQLite gives its log and index the mode of the file.

    A file that stands is not opened here: closing it would drop the locks that SQLite holds in this process.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            write_new(path, b"")
        except FileExistsError:
            path.chmod(0o600)
        sync_directory(path.parent)
    except OSError as error:
        raise Unavailable("keyring", detail=f"{path}: {error.strerror}") from None


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _log_is_busy(connection: sqlite3.Connection) -> bool:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(busy)


def _boxed(sealed: bytes) -> bytes:
    if len(sealed) >= SLOT:
        raise ValueError(f"a sealed key is at most {SLOT - 1} bytes")
    return (bytes([len(sealed)]) + sealed).ljust(SLOT, b"\0")


def _filled_slot(connection: sqlite3.Connection, sealed: bytes) -> int:
    free: tuple[int] | None = connection.execute(
        "DELETE FROM vacancy WHERE number = (SELECT min(number) FROM vacancy) RETURNING number"
    ).fetchone()
    if free is None:
        appended = connection.execute("INSERT INTO slot (sealed) VALUES (?) RETURNING number", (sealed,)).fetchone()
        return int(appended[0])
    connection.execute(_FILL, (sealed, free[0]))
    return free[0]


def _rows_after(connection: sqlite3.Connection, entry_id: str) -> list[_Row]:
    return connection.execute(_ROWS_AFTER, (entry_id, _BATCH)).fetchall()


@contextmanager
def _as_service_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise StorageFull("keyring") from error
        raise Unavailable("keyring", detail=str(error)) from error
    except sqlite3.DatabaseError as error:
        raise Broken(f"keyring: {error}") from error
