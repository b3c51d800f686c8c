"""Writes with the privileges of the tables' owner: any value that a column can hold.

SQLite holds every value in every column. On PostgreSQL a value is none, or of its column's type.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, create_engine, event, make_url, text

from deldokument.store.engine.schema import metadata
from tests.attacker.probes import Cursor
from tests.support.stored_data import admit_every_type, as_owner

_CHECKS = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0"


def admit_every_value(database_url: str) -> None:
    """Lift what the tables forbid, but for their keys and unique columns."""
    if make_url(database_url).get_backend_name() == "sqlite":
        admit_every_type(database_url)
        return
    with as_owner(database_url) as connection:
        for name, constraint in connection.execute(text(_CHECKS)).all():
            connection.execute(text(f"ALTER TABLE {name} DROP CONSTRAINT {constraint}"))
        for one in metadata.tables.values():
            for column in one.c:
                if not column.primary_key and not column.nullable:
                    connection.execute(text(f'ALTER TABLE "{one.name}" ALTER COLUMN "{column.name}" DROP NOT NULL'))


@dataclass
class Writer:
    """The engine of one who writes, without checks, triggers and foreign keys."""

    engine: Engine

    @contextmanager
    def looking(self) -> Iterator[Cursor]:
        """A cursor that sees what is committed, as the driver gives it."""
        with closing(self.engine.raw_connection()) as raw:
            if self.engine.dialect.name == "sqlite":
                raw.driver_connection.text_factory = bytes  # type: ignore[union-attr]
            else:
                raw.driver_connection.autocommit = True  # type: ignore[union-attr]
            yield raw.cursor()

    def close(self) -> None:
        """Close its connections."""
        self.engine.dispose()


def open_writer(database_url: str) -> Writer:
    """The writer of a database."""
    url = make_url(database_url)
    is_file = url.get_backend_name() == "sqlite"
    engine = create_engine(url if is_file else url.set(drivername="postgresql+psycopg"))
    lifted = "PRAGMA ignore_check_constraints = ON" if is_file else "SET session_replication_role = replica"

    def lift(opened: Cursor, _: object) -> None:
        opened.execute(lifted, ())
        if not is_file:
            opened.commit()  # type: ignore[attr-defined]

    event.listen(engine, "connect", lift)
    return Writer(engine)
