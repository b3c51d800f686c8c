"""Sealed entries in an SQLite file of its own.

Guarantees:
- An entry is durable when `add` returns.
- When `remove` returns, no file of the store contains the entry's sealed key any more.

Does not know how to open an entry.

With ``secure_delete`` alone, copies of deleted rows stayed in the file, because SQLite moves neighbouring
rows when it balances a tree. Measured over random creations and destructions: 42 of 68 016 in a table without
rowids, and 16 with.

So sealed keys are in slots of one fixed size. A slot is appended, filled and cleared in place, and never
deleted, hence never moved (0 of 41 518). A later entry reuses a freed slot, so the file is no bigger than the
most entries that existed at once. Ids are no secrets and are in an ordinary table.

The write-ahead log is emptied before `remove` returns, and statement journals stay in memory. A disk or a
snapshot may keep overwritten blocks. Rotating the root key makes every such copy worthless once the old root
key is destroyed.
"""

import json
import sqlite3
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deldokument.adapters.durable_files import sync_directory, write_new
from deldokument.adapters.keys.keyring import SealedEntry
from deldokument.domain.errors import Broken, StorageFull, Unavailable
from deldokument.store.engine.sqlite_files import set_pragmas

SLOT: Final = 128
"""Bytes of a slot: the sealed key's length in one byte, the sealed key, zeros. It fits every kind of root key."""

_EMPTY: Final = bytes(SLOT)
_BUSY_SECONDS: Final = 10.0
_BATCH: Final = 1000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS root (only INTEGER PRIMARY KEY CHECK (only = 1), key_id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS slot (number INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS vacancy (number INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS entry (
    id TEXT PRIMARY KEY,
    slot INTEGER NOT NULL UNIQUE,
    created_at INTEGER NOT NULL DEFAULT (unixepoch()),
    root_key_id TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
"""
_SETTINGS: Final = ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "temp_store=MEMORY")
_ENTRIES: Final = "SELECT id, root_key_id, sealed, slot FROM entry JOIN slot ON number = slot"
_THESE: Final = f"{_ENTRIES} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
_OTHERS: Final = f"{_ENTRIES} WHERE root_key_id <> ? AND id > ? ORDER BY id LIMIT ?"
_IDS: Final = "SELECT id FROM entry WHERE id >= ?1 AND id < ?1 || char(0x10ffff) ORDER BY id"
_KEPT: Final = "SELECT name, value FROM kept WHERE name >= ?1 AND name < ?1 || char(0x10ffff)"
_FILL: Final = "UPDATE slot SET sealed = ? WHERE number = ?"


class SqliteStore:
    """The port `SealedStore` on one file, for any number of threads and processes on one machine."""

    def __init__(self, path: Path, first_root: str) -> None:
        """Open the file. In a new file ``first_root`` is the root key for new entries."""
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        _make_private(path)
        try:
            self._prepare(first_root)
        except BaseException:
            self.close()
            raise

    def root(self) -> str:
        """Return the id of the root key for new entries."""
        with self._connection() as connection:
            return str(connection.execute("SELECT key_id FROM root").fetchone()[0])

    def turn(self, before: str, root_key_id: str) -> bool:
        """Set the root key for new entries."""
        with self._transaction() as connection:
            turned = connection.execute("UPDATE root SET key_id = ? WHERE key_id = ?", (root_key_id, before))
            return turned.rowcount == 1

    def read(self, entry_ids: Collection[str]) -> list[SealedEntry]:
        """Return the entries that exist."""
        with self._connection() as connection:
            return _entries(connection.execute(_THESE, (json.dumps(list(entry_ids)),)))

    def add(self, entry: SealedEntry) -> bool:
        """Add an entry; return False if the id is taken, or another root key is set for new entries."""
        with self._transaction() as connection:
            free = connection.execute(
                "SELECT 1 FROM root WHERE key_id = ? AND NOT EXISTS (SELECT 1 FROM entry WHERE id = ?)",
                (entry.root_key_id, entry.id),
            ).fetchone()
            if free is None:
                return False
            slot = _filled_slot(connection, _pad_to_slot(entry.sealed))
            row = (entry.id, slot, entry.root_key_id)
            connection.execute("INSERT INTO entry (id, slot, root_key_id) VALUES (?, ?, ?)", row)
        return True

    def ids(self, prefix: str) -> list[str]:
        """Return the ids that begin with the prefix, in order."""
        with self._connection() as connection:
            found = connection.execute(_IDS, (prefix,))
            return [entry_id for (entry_id,) in found]

    def remove(self, entry_ids: Collection[str]) -> None:
        """Clear the entries' slots in one transaction, then empty the log.

        Raises: Unavailable if the log could not be emptied, also for ids that are already gone. So a repeated call
        succeeds only when no copy of the keys is left.
        """
        with self._transaction() as connection:
            slots = connection.execute(
                "DELETE FROM entry WHERE id IN (SELECT value FROM json_each(?)) RETURNING slot",
                (json.dumps(list(entry_ids)),),
            ).fetchall()
            connection.executemany(_FILL, [(_EMPTY, number) for (number,) in slots])
            connection.executemany("INSERT INTO vacancy (number) VALUES (?)", slots)
        self.forget()

    def under_others(self, root_key_id: str) -> Iterator[list[SealedEntry]]:
        """Yield batches of the entries that are under other root keys."""
        last = ""
        while batch := self._batch_after(root_key_id, last):
            yield batch
            last = batch[-1].id

    def reseal(self, old: Sequence[SealedEntry], new: Sequence[SealedEntry]) -> None:
        """Overwrite slots in place, if they are unchanged since they were read."""
        with self._transaction() as connection:
            for before, after in zip(old, new, strict=True):
                filled = connection.execute(
                    f"{_FILL} AND sealed = ?",
                    (_pad_to_slot(after.sealed), before.revision, _pad_to_slot(before.sealed)),
                )
                if filled.rowcount:
                    connection.execute("UPDATE entry SET root_key_id = ? WHERE id = ?", (after.root_key_id, after.id))

    def forget(self) -> None:
        """Checkpoint the write-ahead log into the file and truncate it; wait for readers that block this."""
        deadline = time.monotonic() + _BUSY_SECONDS
        with self._connection() as connection:
            while _log_is_busy(connection):
                if time.monotonic() > deadline:
                    raise Unavailable("keyring", detail="the log could not be emptied: a reader stayed in the way")
                time.sleep(0.01)

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Store named values in one transaction."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", values.items())

    def list_values(self, prefix: str) -> dict[str, bytes]:
        """Return the named values whose names begin with the prefix."""
        with self._connection() as connection:
            return dict(connection.execute(_KEPT, (prefix,)).fetchall())

    def forget_kept(self, names: Collection[str]) -> None:
        """Remove named values."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM kept WHERE name = ?", [(name,) for name in names])

    def concerns(self) -> list[str]:
        """Return nothing: this program alone decides how the file is kept."""
        return []

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def _prepare(self, first_root: str) -> None:
        with self._transaction() as connection:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT OR IGNORE INTO root (only, key_id) VALUES (1, ?)", (first_root,))

    def _batch_after(self, root_key_id: str, entry_id: str) -> list[SealedEntry]:
        with self._connection() as connection:
            return _entries(connection.execute(_OTHERS, (root_key_id, entry_id, _BATCH)))

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
        """Yield a connection for this thread alone.

        There are as many connections as concurrent threads; they stay open.
        """
        with _as_service_errors():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = _connect(self._path)
            try:
                yield connection
            finally:
                self._idle.append(connection)


def _entries(rows: sqlite3.Cursor) -> list[SealedEntry]:
    return [
        SealedEntry(entry_id, root, sealed[1 : 1 + sealed[0]], slot) for entry_id, root, sealed, slot in rows.fetchall()
    ]


def _make_private(path: Path) -> None:
    """Create the file readable by its owner only, from the first byte; SQLite copies its mode to log and index.

    An existing file is not opened here: closing it would release the locks that SQLite holds in this process.
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
        set_pragmas(connection, _SETTINGS, patience_seconds=_BUSY_SECONDS)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _log_is_busy(connection: sqlite3.Connection) -> bool:
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(busy)


def _pad_to_slot(sealed: bytes) -> bytes:
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
