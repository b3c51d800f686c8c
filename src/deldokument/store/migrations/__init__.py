"""Schema migrations with Alembic.

Guarantees:
- A migration is applied completely or not at all.
- If two nodes start at once, one of them migrates.
- Migrations run from an installed wheel, without a configuration file.

There are no downgrades; restore a backup instead.

- `env`: Alembic's entry point; it runs the revisions on the connection of `migrate`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from deldokument.store.engine.engines import open_engines, open_untouched

if TYPE_CHECKING:
    from alembic.config import Config

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4850127361)")
_REVISION = text("SELECT max(version_num) FROM alembic_version")


def migrate(database_url: str) -> None:
    """Upgrade to the newest revision; an empty database gets all tables.

    Raises: the errors of the domain.
    """
    engines = open_engines(database_url)
    try:
        with engines.write() as connection:
            if engines.is_postgres:
                connection.execute(_ONE_AT_A_TIME)
            # Imported here, because a server process does not need Alembic and its seven megabytes.
            from alembic import command

            command.upgrade(configuration(connection), "head")
    finally:
        engines.close()


def stored_revision(database_url: str) -> str | None:
    """Return the database's revision; None if it has none. Does not change the database.

    Raises: Unavailable if it does not respond.
    """
    engines = open_untouched(database_url)
    if engines is None:
        return None
    try:
        with engines.read() as connection:
            return connection.scalar(_REVISION) if inspect(connection).has_table("alembic_version") else None
    finally:
        engines.close()


def revisions() -> list[str]:
    """Return this program's revisions, oldest first. The scripts' names begin with them."""
    return sorted(script.name.partition("_")[0] for script in (Path(__file__).parent / "versions").glob("[0-9]*.py"))


def configuration(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration: the scripts beside this file, and the connection on which they run."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
