"""Check of the database's schema revision.

Guarantees:
- A database with an unknown revision is refused, and nothing is changed.
"""

from deldokument.config.settings import ConfigurationError
from deldokument.store.migrations import revisions, stored_revision

_EARLIER = (
    "The database is of a version before 1.0.0, whose data cannot be taken over. Nothing was changed. Begin with an "
    "empty folder (demo: --data or DATA), or with an empty database, document store and keyring."
)
_LATER = (
    "The database is of a newer version of the service. Nothing was changed. "
    "Install that version, or restore the backup from before the upgrade."
)


def is_current(database_url: str) -> bool:
    """Return whether the schema is this program's; False if it needs a migration.

    Raises: ConfigurationError if its revision is unknown, Unavailable if the database does not respond.
    """
    stored, known = stored_revision(database_url), revisions()
    if stored is not None and stored not in known:
        raise ConfigurationError(_EARLIER if stored < known[0] else _LATER)
    return stored == known[-1]
