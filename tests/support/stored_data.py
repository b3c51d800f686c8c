"""Stored data on either stack, without the use cases: read as a thief, written as the owner."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
from sqlalchemy import Connection, create_engine, make_url, text

from deldokument.domain.errors import existing
from deldokument.domain.shares.share import Receipt
from deldokument.ports.blobs import BlobStore
from deldokument.ports.dependencies import Dependencies
from tests.support.deployment.stack import stack

_SQLITE = "sqlite:///"
_TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
_TABLES = b"SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


class Holder(Protocol):
    """A world or a deployment."""

    @property
    def database_url(self) -> str: ...

    @property
    def deps(self) -> Dependencies: ...

    @property
    def folder(self) -> Path: ...


def bytes_taken(holder: Holder, share_id: str) -> int:
    """How many bytes of a draft's documents the service has acknowledged, in partial uploads too."""
    with holder.deps.database.read() as tx:
        documents = [document.id for document in tx.shares.documents([share_id])]
        return sum(upload.offset for upload in tx.uploads.of_documents(documents))


def document_receipts(deps: Dependencies, share_id: str) -> list[Receipt]:
    """The receipts of a share's documents, with their ranges, which no list has."""
    with deps.database.read() as tx:
        listed = [one for one in tx.receipts.of_shares([share_id]) if one.document_id]
        found = (tx.receipts.get(share_id, one.document_id, one.recipient_id, one.subject_id) for one in listed)
        return [existing(one) for one in found]


@contextmanager
def as_owner(database_url: str) -> Iterator[Connection]:
    """A transaction in which no trigger is in the way."""
    url = make_url(database_url)
    on_sqlite = url.get_backend_name() == "sqlite"
    engine = create_engine(url if on_sqlite else url.set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            if on_sqlite:
                for (name,) in connection.execute(text(_TRIGGERS)).all():
                    connection.execute(text(f"DROP TRIGGER {name}"))
            else:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
    finally:
        engine.dispose()


def do_as_owner(database_url: str, *statements: str) -> None:
    """Do these as the owner, one after another."""
    with as_owner(database_url) as connection:
        for statement in statements:
            connection.execute(text(statement))


def admit_null(database_url: str, table: str, column: str) -> None:
    """Remove a column's NULL constraint, as the owner of the schema can."""
    if not database_url.startswith(_SQLITE):
        do_as_owner(database_url, f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")
        return
    changed = f"UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = '{table}'"
    assert _change_schema(database_url, changed, f"{column} BLOB NOT NULL", f"{column} BLOB") == 1


def admit_every_type(database_url: str) -> None:
    """Have SQLite's tables admit every type and NULL, as the owner of the file can; repeated, it changes nothing."""
    _change_schema(database_url, "UPDATE sqlite_master SET sql = rtrim(sql, ' STRICT') WHERE sql LIKE '%) STRICT'")
    nullable = "replace(replace(sql, 'IS NOT NULL', 'NOTNULL'), ' NOT NULL', '')"
    _change_schema(database_url, f"UPDATE sqlite_master SET sql = {nullable} WHERE type = 'table'")


def _change_schema(database_url: str, statement: str, *values: str) -> int:
    """Do this to SQLite's schema, and have every connection read it anew; return the number of rows."""
    with closing(sqlite3.connect(database_url.removeprefix(_SQLITE))) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        changed = connection.execute(statement, values).rowcount
        [version] = connection.execute("PRAGMA schema_version").fetchone()
        connection.execute(f"PRAGMA schema_version = {version + 1}")
        connection.execute("PRAGMA writable_schema = RESET")
        connection.commit()
    return changed


def contents(holder: Holder) -> list[str]:
    """Everything in the database, a line for each row."""
    if holder.database_url.startswith(_SQLITE):
        with closing(sqlite3.connect(holder.database_url.removeprefix(_SQLITE))) as connection:
            return list(connection.iterdump())
    with psycopg.connect(holder.database_url) as server:
        return [line for (table,) in server.execute(_TABLES).fetchall() for line in sorted(_lines(server, table))]


def _lines(server: psycopg.Connection[Any], table: str) -> Iterator[str]:
    for row in server.execute(f'SELECT * FROM "{table}"'.encode()):
        shown = (value.hex().upper() if isinstance(value, bytes) else repr(value) for value in row)
        yield f'INSERT INTO "{table}" VALUES({", ".join(shown)})'


def everything(holder: Holder) -> bytes:
    """All bytes that are kept, wherever."""
    files = [path.read_bytes() for path in holder.folder.rglob("*") if path.is_file()]
    return b"".join([*files, *in_servers(holder).values()])


def in_servers(holder: Holder) -> dict[str, bytes]:
    """What is kept elsewhere than in files here: where, and the bytes."""
    if holder.database_url.startswith(_SQLITE):
        return {}
    blobs = holder.deps.blobs
    with psycopg.connect(holder.database_url) as server:
        tables = {table: b"".join(_copy(server, table)) for (table,) in server.execute(_TABLES).fetchall()}
    return tables | {blob.name: blobs.read(blob.name, 0, blob.size) for blob in blobs.list()}


def _copy(server: psycopg.Connection[Any], table: str) -> Iterator[bytes]:
    """As it stands there: in the other form of COPY, bytes are written as digits."""
    with server.cursor().copy(f'COPY "{table}" TO STDOUT (FORMAT BINARY)'.encode()) as pieces:
        yield from map(bytes, pieces)


def names(store: BlobStore, folder: Path) -> set[str]:
    """Of what is in the store; in a directory below ``folder``, with what has only been begun there."""
    begun = {path.name for path in (folder / "blobs").rglob("*.part")}
    return {blob.name for blob in store.list()} | begun


def bytes_of(store: BlobStore, name: str) -> bytes:
    """All of a blob."""
    [size] = [blob.size for blob in store.list(int(name[:2], 16)) if blob.name == name]
    return store.read(name, 0, size)


def put_in_its_place(store: BlobStore, name: str, content: bytes) -> None:
    """Other bytes instead of a blob's."""
    store.delete([name])
    put(store, name, content)


def put(store: BlobStore, name: str, content: bytes) -> None:
    """A blob of these bytes."""
    writer = store.create(name)
    writer.write(content)
    writer.commit()


def copies(holder: Holder, folder: Path) -> tuple[str, BlobStore]:
    """Copies of database and blobs as they are now: in ``folder``, or in another place of the servers."""
    url, blobs = stack().copied_database(holder.database_url, folder), stack().blobs(folder)
    for blob in holder.deps.blobs.list():
        put(blobs, blob.name, holder.deps.blobs.read(blob.name, 0, blob.size))
    return url, blobs
