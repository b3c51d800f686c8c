"""The front door's key cupboard: settings become root keys and a keyring.

Promises that what is chosen is opened or a ConfigurationError or ServiceError says what is missing; the programs that
only a deployment on several machines needs are loaded only when they are asked for. Deliberately does not know what
the keys open.
"""

from __future__ import annotations

from deldokument.adapters.keys import files, postgres
from deldokument.adapters.keys.keyring import RootKeys, SealedKeyring, SealedStore
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.config import Settings


def open_keyring(settings: Settings) -> SealedKeyring:
    """The keyring with its root keys. Raises ServiceError or ConfigurationError."""
    roots = open_root_keys(settings)
    try:
        return SealedKeyring(_store(settings, roots.ids()[-1]), roots)
    except BaseException:
        roots.close()
        raise


def open_root_keys(settings: Settings) -> RootKeys:
    """Where the root keys are. Raises ServiceError or ConfigurationError."""
    return files.FileRootKeys(settings.root_key_path)


def create_root_key(settings: Settings) -> str:
    """Make the first root key; where it is. Raises Conflict when there is one."""
    settings.root_key_path.parent.mkdir(parents=True, exist_ok=True)
    files.create_root_key(settings.root_key_path)
    return str(settings.root_key_path)


def prepare_keyring(settings: Settings) -> None:
    """Make what the keyring's store needs to be there before it is opened."""
    if settings.keyring_database_url is not None:
        postgres.prepare(settings.keyring_database_url)


def _store(settings: Settings, first_root: str) -> SealedStore:
    if settings.keyring_database_url is not None:
        return postgres.PostgresStore(settings.keyring_database_url, first_root)
    return SqliteStore(settings.keyring_path, first_root)
