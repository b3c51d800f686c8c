"""Sealed entries in a PostgreSQL database of their own, apart from the service's database.

Guarantees:
- An entry is durable when `add` returns, on any number of nodes.
- When `remove` has returned, nobody can get the entry from the database.
- A database with the service's tables is never used, because it is backed up with them.
- The role of server processes can read and add keys, and read named values. The role of workers can also destroy keys,
  and write named values. Neither can rotate the root key.

Does not know how to open an entry.

Remnants of a removed entry, still encrypted under the root key: a deleted row stays in its page until the table is
vacuumed. Its bytes stay there until another row overwrites them, because PostgreSQL erases nothing. So the table is
vacuumed after removals: at most every ten seconds by each process, and by autovacuum from the first dead row on. This
makes the row unreachable for SQL and its space reusable, but it is no erasure.

The write-ahead log contains the row until its segments are recycled. A standby or an archive contains it as long as it
keeps them. With such remnants and the root key of that time, the entries can be opened. Rotating the root key ends
that: the remnants are under a root key that no longer exists. `concerns` reports settings that keep copies for longer
than the operator may know.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError

from deldokument.adapters.keys.keyring import SealedEntry
from deldokument.domain.errors import ServiceError, Unavailable
from deldokument.store.engine.engines import require_roles
from deldokument.store.engine.errors import of_library
from deldokument.store.engine.postgres import POOL, require_lock_limit, translate, try_rested

log = logging.getLogger("deldokument")

LAYOUT: Final = 1
"""The version of the tables; a program and tables of different layouts do not work together."""

_WAIT_SECONDS: Final = 10
_STATEMENT_SECONDS: Final = 15
_BATCH: Final = 1000
_VACUUM_SECONDS: Final = 10.0
_TABLES: Final = (
    "SELECT pg_advisory_xact_lock(4850127362)",
    "CREATE TABLE IF NOT EXISTS keyring_layout (version INTEGER PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS keyring_root
    (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), root_key_id TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS keyring_entry (
        id TEXT COLLATE "C" PRIMARY KEY,
        root_key_id TEXT NOT NULL,
        sealed BYTEA NOT NULL,
        created_at TIMESTAMPTZ NOT NULL DEFAULT now()
    ) WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0)""",
    'CREATE TABLE IF NOT EXISTS keyring_kept (name TEXT COLLATE "C" PRIMARY KEY, value BYTEA NOT NULL)',
    f"INSERT INTO keyring_layout SELECT {LAYOUT} WHERE NOT EXISTS (SELECT FROM keyring_layout)",  # noqa: S608
)
# Looked up by name in any schema: every role may read the catalogue, independent of address and search path.
_SERVICES: Final = text("SELECT 1 FROM pg_class WHERE relname = 'deployment' AND relkind = 'r' LIMIT 1")
_ROOT: Final = text("SELECT root_key_id FROM keyring_root")
_TURN: Final = text("UPDATE keyring_root SET root_key_id = :root WHERE root_key_id = :before")
_THESE: Final = text("SELECT id, root_key_id, sealed FROM keyring_entry WHERE id = ANY(:ids)")
_OTHERS: Final = text("""
    SELECT id, root_key_id, sealed FROM keyring_entry
    WHERE root_key_id <> :root AND id > :last ORDER BY id LIMIT :batch
""")
# The share lock waits for a concurrent rotation that changes the root key's name; afterwards the query finds no row.
# The lock needs the privilege to update some column. This is the only column that no update can change, so the
# privilege grants nothing else.
_OF_SERVE: Final = (
    "SELECT ON keyring_layout",
    "SELECT, INSERT, UPDATE (only_one) ON keyring_root",
    "SELECT, INSERT ON keyring_entry",
    "SELECT ON keyring_kept",
)
_OF_WORKER: Final = (*_OF_SERVE, "DELETE ON keyring_entry", "INSERT, UPDATE, DELETE ON keyring_kept")
_MAINTAIN: Final = "MAINTAIN ON keyring_entry"
"""Since PostgreSQL 17; before, only the owner and autovacuum can vacuum."""
_ADD: Final = text("""
    WITH root AS (SELECT root_key_id FROM keyring_root WHERE root_key_id = :root FOR SHARE)
    INSERT INTO keyring_entry (id, root_key_id, sealed) SELECT :id, root_key_id, :sealed FROM root
    ON CONFLICT (id) DO NOTHING
""")
_RESEAL: Final = text("""
    UPDATE keyring_entry AS entry SET sealed = fresh.sealed, root_key_id = fresh.root
    FROM unnest(CAST(:ids AS text[]), CAST(:old AS bytea[]), CAST(:new AS bytea[]), CAST(:roots AS text[]))
         AS fresh (id, old, sealed, root)
    WHERE entry.id = fresh.id AND entry.sealed = fresh.old
""")
_KEEP: Final = text("""
    INSERT INTO keyring_kept SELECT * FROM unnest(CAST(:names AS text[]), CAST(:values AS bytea[]))
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
""")
_VACUUM: Final = text("VACUUM keyring_entry")
_CONCERNS: Final = (
    (
        "SELECT 1 WHERE current_setting('archive_mode') <> 'off'",
        "its write-ahead log is archived: what is destroyed stays in the archive until the root key is rotated",
    ),
    (
        "SELECT 1 FROM pg_replication_slots LIMIT 1",
        "it has replication slots: what is destroyed stays in its write-ahead log for as long as one lags",
    ),
    (
        "SELECT 1 WHERE current_setting('fsync') = 'off' OR current_setting('synchronous_commit') = 'off'",
        "it does not write to stable storage before it answers: a power cut loses keys",
    ),
)


class PostgresStore:
    """The port `SealedStore` on one database, for any number of threads, processes and nodes."""

    def __init__(self, url: str, first_root: str, *, vacuum_every: float = _VACUUM_SECONDS) -> None:
        """Open the database. In a new database ``first_root`` is the root key for new entries.

        Raises: Unavailable if the database does not respond, is the service's, or lacks the tables of
        `prepare`.
        """
        self._engine = _engine(url)
        self._vacuum_every = vacuum_every
        self._vacuumed_at = time.monotonic()
        self._vacuuming = threading.Lock()
        try:
            self._begin_with(first_root)
        except BaseException:
            self.close()
            raise

    def root(self) -> str:
        """Return the id of the root key for new entries."""
        with _transaction(self._engine) as connection:
            return str(connection.execute(_ROOT).scalar_one())

    def turn(self, before: str, root_key_id: str) -> bool:
        """Set the root key for new entries."""
        with _transaction(self._engine) as connection:
            return connection.execute(_TURN, {"before": before, "root": root_key_id}).rowcount == 1

    def read(self, entry_ids: Collection[str]) -> list[SealedEntry]:
        """Return the entries that exist."""
        with _transaction(self._engine) as connection:
            found = connection.execute(_THESE, {"ids": list(entry_ids)}).all()
            return [SealedEntry(entry_id, root, bytes(sealed)) for entry_id, root, sealed in found]

    def add(self, entry: SealedEntry) -> bool:
        """Add an entry; return False if the id is taken, or another root key is set for new entries."""
        row = {"id": entry.id, "root": entry.root_key_id, "sealed": entry.sealed}
        with _transaction(self._engine) as connection:
            return connection.execute(_ADD, row).rowcount == 1

    def ids(self, prefix: str) -> list[str]:
        """Return the ids that begin with the prefix, in order."""
        with _transaction(self._engine) as connection:
            found = text("SELECT id FROM keyring_entry WHERE id ^@ :prefix ORDER BY id")
            return list(connection.execute(found, {"prefix": prefix}).scalars())

    def remove(self, entry_ids: Collection[str]) -> None:
        """Delete the rows durably, then vacuum the table if that is due.

        The keys are gone before the vacuum. If it fails or times out, autovacuum or a later removal vacuums the table.
        The caller has a transaction of the service's database open meanwhile.
        """
        with _transaction(self._engine) as connection:
            connection.execute(text("DELETE FROM keyring_entry WHERE id = ANY(:ids)"), {"ids": list(entry_ids)})
        if time.monotonic() - self._vacuumed_at > self._vacuum_every:
            self._vacuumed_at = time.monotonic()
            try:
                with self._maintaining() as connection:
                    connection.execute(_VACUUM)
            except ServiceError as error:
                log.warning("the keyring's table is not vacuumed yet: %s", error)

    def under_others(self, root_key_id: str) -> Iterator[list[SealedEntry]]:
        """Yield batches of the entries that are under other root keys."""
        last = ""
        while batch := self._batch_after(root_key_id, last):
            yield batch
            last = batch[-1].id

    def reseal(self, old: Sequence[SealedEntry], new: Sequence[SealedEntry]) -> None:
        """Replace the rows that are unchanged since they were read."""
        rows = {
            "ids": [entry.id for entry in new],
            "old": [entry.sealed for entry in old],
            "new": [entry.sealed for entry in new],
            "roots": [entry.root_key_id for entry in new],
        }
        with _transaction(self._engine) as connection:
            connection.execute(_RESEAL, rows)

    def forget(self) -> None:
        """Vacuum the table: dead rows become unreachable for SQL, and their space reusable.

        It has no time limit, because the table may be large; only a lost connection interrupts it.
        """
        with self._maintaining() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            try:
                connection.execute(_VACUUM)
            finally:
                connection.execute(text("RESET statement_timeout"))

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Store named values in one transaction; in order of their names, so that no two writers deadlock."""
        names = sorted(values)
        with _transaction(self._engine) as connection:
            connection.execute(_KEEP, {"names": names, "values": [values[name] for name in names]})

    def list_values(self, prefix: str) -> dict[str, bytes]:
        """Return the named values whose names begin with the prefix."""
        with _transaction(self._engine) as connection:
            found = text("SELECT name, value FROM keyring_kept WHERE name ^@ :prefix")
            return {name: bytes(value) for name, value in connection.execute(found, {"prefix": prefix})}

    def forget_kept(self, names: Collection[str]) -> None:
        """Remove named values."""
        with _transaction(self._engine) as connection:
            connection.execute(text("DELETE FROM keyring_kept WHERE name = ANY(:names)"), {"names": list(names)})

    def concerns(self) -> list[str]:
        """Return the database settings that keep copies of keys, or lose keys."""
        with _transaction(self._engine) as connection:
            return [words for question, words in _CONCERNS if connection.execute(text(question)).first()]

    def close(self) -> None:
        """Close every idle connection."""
        self._engine.dispose()

    def _begin_with(self, first_root: str) -> None:
        with _transaction(self._engine) as connection:
            _require_apart(connection)
            if not _has_layout(connection):
                raise Unavailable("keyring", detail="its tables are not this program's: run `deldokument migrate`")
            row = {"root": first_root}
            connection.execute(text("INSERT INTO keyring_root VALUES (1, :root) ON CONFLICT DO NOTHING"), row)

    @contextmanager
    def _maintaining(self) -> Iterator[Connection]:
        """Yield a connection without a transaction, to one thread at a time."""
        with self._vacuuming, _transaction(self._engine.execution_options(isolation_level="AUTOCOMMIT")) as connection:
            yield connection

    def _batch_after(self, root_key_id: str, entry_id: str) -> list[SealedEntry]:
        with _transaction(self._engine) as connection:
            row = {"root": root_key_id, "last": entry_id, "batch": _BATCH}
            found = connection.execute(_OTHERS, row).all()
            return [SealedEntry(found_id, root, bytes(sealed)) for found_id, root, sealed in found]


def prepare(url: str, *, serve: str | None = None, worker: str | None = None) -> None:
    """Create the missing tables, and give the processes' own roles their privileges.

    Raises: Unavailable, also for the service's database, in which no tables are created.
    """
    engine = _engine(url)
    try:
        with _transaction(engine) as connection:
            _require_apart(connection)
            for statement in _TABLES:
                connection.execute(text(statement))
            require_roles(connection, [role for role in (serve, worker) if role])
            _grant(connection, serve, _OF_SERVE)
            vacuum = (_MAINTAIN,) if (connection.dialect.server_version_info or ()) >= (17,) else ()
            _grant(connection, worker, (*_OF_WORKER, *vacuum))
    finally:
        engine.dispose()


def _grant(connection: Connection, role: str | None, privileges: Sequence[str]) -> None:
    if role:
        quoted = connection.dialect.identifier_preparer.quote(role)
        tables = "keyring_layout, keyring_root, keyring_entry, keyring_kept"
        connection.execute(text(f"REVOKE ALL ON {tables} FROM {quoted}"))
        for privilege in privileges:
            connection.execute(text(f"GRANT {privilege} TO {quoted}"))


def _require_apart(connection: Connection) -> None:
    if connection.execute(_SERVICES).first():
        raise Unavailable(
            "keyring", detail="DELDOKUMENT_KEYRING_DATABASE_URL must be another database than the service's"
        )


def _has_layout(connection: Connection) -> bool:
    if connection.execute(text("SELECT to_regclass('keyring_layout')")).scalar_one() is None:
        return False
    return list(connection.execute(text("SELECT version FROM keyring_layout")).scalars()) == [LAYOUT]


def _engine(url: str) -> Engine:
    place = make_url(url).set(drivername="postgresql+psycopg")
    bounds = f"-c lock_timeout={_WAIT_SECONDS}s -c idle_in_transaction_session_timeout=60s"
    # The options of the operator's URL come last and take precedence.
    own = place.query.get("options", "")
    engine = create_engine(
        place,
        isolation_level="READ COMMITTED",
        pool_timeout=_WAIT_SECONDS,
        **POOL,
        hide_parameters=True,
        connect_args={
            "connect_timeout": _WAIT_SECONDS,
            "tcp_user_timeout": _WAIT_SECONDS * 1000,
            "keepalives_idle": _WAIT_SECONDS // 2,
            "keepalives_interval": _WAIT_SECONDS // 2,
            "keepalives_count": 2,
            "application_name": "deldokument-keyring",
            "options": f"{bounds} -c statement_timeout={_STATEMENT_SECONDS}s {own}".rstrip(),
        },
    )
    event.listen(engine, "handle_error", _translate_error)
    try_rested(engine)
    require_lock_limit(engine)
    return engine


def _translate_error(context: ExceptionContext) -> BaseException | None:
    """Translate an exception.

    A missing permission is a configuration error: the keys are intact, and readable again once it is fixed.
    """
    if isinstance(context.original_exception, psycopg.errors.InsufficientPrivilege):
        return Unavailable("keyring", detail="the database forbids it")
    return translate(context)


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise _of_keyring(of_library(error)) from None
    except ServiceError as error:
        raise _of_keyring(error) from error


def _of_keyring(error: ServiceError) -> ServiceError:
    return Unavailable("keyring", detail=error.detail) if isinstance(error, Unavailable) else error
