"""Bringing a database to the tables that this version of the program needs.

Promises that a migration is done wholly or not at all, that two nodes that start at once do it once, and that it works
from an installed wheel: no configuration file. There is no way back; that is what backups are for.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from deldokument.adapters.sql.engines import open_engines, transaction

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4850127361)")


def migrate(database_url: str) -> None:
    """Upgrade to the newest revision; an empty database gets all tables. Raises the errors of the domain."""
    engines = open_engines(database_url)
    try:
        with transaction(engines.writer) as connection:
            if engines.is_postgres:
                connection.execute(_ONE_AT_A_TIME)
            command.upgrade(configuration(connection), "head")
    finally:
        engines.close()


def is_current(database_url: str) -> bool:
    """Whether the database has exactly this program's revision. Raises Unavailable when it does not answer."""
    engines = open_engines(database_url)
    try:
        with transaction(engines.reader) as connection:
            found = MigrationContext.configure(connection).get_current_heads()
        return set(found) == set(ScriptDirectory.from_config(configuration()).get_heads())
    finally:
        engines.close()


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration: the scripts beside this file, and the connection that they run on."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
