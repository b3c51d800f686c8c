"""Schema migrations with Alembic.

Guarantees
- a migration is applied completely or not at all;
- of two nodes that start at once, one migrates;
- migrations run from an installed wheel, without a configuration file.

There are no downgrades; restore a backup instead.

- `env`: Alembic's entry point; it puts the revisions on the connection of `migrate`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from deldokument.adapters.sql.engines import open_engines, transaction

if TYPE_CHECKING:
    from alembic.config import Config

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4850127361)")
_REVISIONS = text("SELECT version_num FROM alembic_version")


def migrate(database_url: str) -> None:
    """Upgrade to the newest revision; an empty database gets all tables. Raises the errors of the domain."""
    engines = open_engines(database_url)
    try:
        with transaction(engines.writer) as connection:
            if engines.is_postgres:
                connection.execute(_ONE_AT_A_TIME)
            # Here, since a process that serves needs none of it, and its seven megabytes least of all.
            from alembic import command

            command.upgrade(configuration(connection), "head")
    finally:
        engines.close()


def is_current(database_url: str) -> bool:
    """Whether the database has exactly this program's revision. Raises Unavailable when it does not answer."""
    engines = open_engines(database_url)
    try:
        with transaction(engines.reader) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return False
            found = connection.scalars(_REVISIONS).all()
        return found == [newest_revision()]
    finally:
        engines.close()


def newest_revision() -> str:
    """The revision that the newest script makes: scripts are named after theirs, in their order."""
    return max(script.name for script in (Path(__file__).parent / "versions").glob("[0-9]*.py")).partition("_")[0]


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's configuration: the scripts beside this file, and the connection that they run on."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
