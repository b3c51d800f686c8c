"""Root keys and keyring, opened by the settings.

Guarantees:
- If a key store cannot be opened, ConfigurationError or ServiceError names the missing part.
- Packages that only a deployment on several machines needs are imported only if they are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deldokument.adapters.keys import files
from deldokument.adapters.keys.keyring import RootKeys, SealedKeyring, SealedStore
from deldokument.adapters.keys.sqlite import SqliteStore
from deldokument.config.groups import KeyringDatabaseSettings, OpenBaoSettings, Pkcs11Settings
from deldokument.config.settings import PREFIX, ConfigurationError, Settings
from deldokument.domain.errors import Conflict
from deldokument.services.maintenance.deployment_claims import adopt_keyring
from deldokument.store.database import Database

if TYPE_CHECKING:
    from deldokument.adapters.keys.openbao import OpenBao

_PLACES: Final = {
    "sqlite": "keyring_path",
    "postgresql": "keyring_database_url",
    "openbao": "openbao_keyring_mount",
}
"""Setting that identifies the keyring, by its kind."""


def open_keyring(settings: Settings) -> SealedKeyring:
    """Return the keyring with its root keys.

    Raises: ServiceError or ConfigurationError.
    """
    roots = open_root_keys(settings)
    try:
        held = roots.ids()
        if not held:
            raise ConfigurationError("there is no root key: make one with `deldokument keys create-root`")
        return SealedKeyring(_store(settings, held[-1]), roots)
    except BaseException:
        roots.close()
        raise


def open_claimed_keyring(settings: Settings, database: Database, *, is_new: bool = False) -> SealedKeyring:
    """Open this deployment's keyring; claim an empty one if ``is_new``.

    Raises: ConfigurationError if the keyring belongs to another deployment; otherwise as `open_keyring`.
    """
    keyring = open_keyring(settings)
    try:
        claim_keyring(settings, database, keyring, is_new=is_new)
    except BaseException:
        keyring.close()
        raise
    return keyring


def claim_keyring(settings: Settings, database: Database, keyring: SealedKeyring, *, is_new: bool = False) -> None:
    """Check that the keyring belongs to this deployment; claim an empty one if ``is_new``.

    Raises: ConfigurationError, which names the keyring's setting; or the keyring's errors.
    """
    try:
        adopt_keyring(database, keyring, is_new=is_new)
    except Conflict as error:
        raise ConfigurationError(f"{PREFIX}{_PLACES[settings.keyring].upper()}: {error.detail}") from error


def open_root_keys(settings: Settings) -> RootKeys:
    """Open the store of the root keys.

    Raises: ServiceError or ConfigurationError.
    """
    match settings:
        case Settings(root_key="file", root_key_path=path):
            return files.FileRootKeys(path)
        case Settings(root_key="transit", openbao=OpenBaoSettings() as place):
            with _cluster("OpenBao"):
                from deldokument.adapters.keys.transit import TransitRootKeys
            return TransitRootKeys(_openbao(place), settings.transit_mount, settings.transit_key)
        case Settings(root_key="pkcs11", pkcs11=Pkcs11Settings() as token):
            with _cluster("PKCS#11"):
                from deldokument.adapters.keys.pkcs11 import Pkcs11RootKeys
            pin = files.read_private(token.pin_path).decode()
            return Pkcs11RootKeys(token.module_path, token.token, pin, token.key)
    raise AssertionError(settings.root_key)


def create_root_key(settings: Settings) -> str:
    """Create the first root key; return its path or id.

    Raises: Conflict if there is one already; Unavailable if only another role may create it.
    """
    if settings.root_key == "file":
        settings.root_key_path.parent.mkdir(parents=True, exist_ok=True)
        files.create_root_key(settings.root_key_path)
        return str(settings.root_key_path)
    roots = open_root_keys(settings)
    try:
        if roots.ids():
            raise Conflict("root_key_exists", detail=settings.root_key)
        roots.add()
        return roots.ids()[-1]
    finally:
        roots.close()


def prepare_keyring(settings: Settings) -> None:
    """Create the keyring's store before it is opened; give the processes' roles their privileges."""
    if settings.keyring_database is not None:
        from deldokument.adapters.keys import postgres

        roles = {"serve": settings.database_serve_role, "worker": settings.database_worker_role}
        postgres.prepare(settings.keyring_database.url, **roles)


def _store(settings: Settings, first_root: str) -> SealedStore:
    match settings:
        case Settings(keyring="sqlite", keyring_path=path):
            return SqliteStore(path, first_root)
        case Settings(keyring="postgresql", keyring_database=KeyringDatabaseSettings(url=url)):
            from deldokument.adapters.keys.postgres import PostgresStore

            return PostgresStore(url, first_root)
        case Settings(keyring="openbao", openbao=OpenBaoSettings() as place):
            with _cluster("OpenBao"):
                from deldokument.adapters.keys.openbao_store import OpenBaoStore
            return OpenBaoStore(_openbao(place), place.keyring_mount, first_root)
    raise AssertionError(settings.keyring)


def _openbao(place: OpenBaoSettings) -> OpenBao:
    from deldokument.adapters.keys.openbao import OpenBao

    return OpenBao(place.url, place.role_id, place.secret_id_path, place.ca_path)


@contextmanager
def _cluster(what: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{what} needs {error.name}: install deldokument[cluster]") from None
