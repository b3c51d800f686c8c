"""State of this machine and its files, for the doctor and the metrics: free space, keys and certificates."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from sqlalchemy import make_url

from deldokument.adapters.documents.signing import valid_until
from deldokument.config.settings import Settings
from deldokument.domain.errors import ServiceError
from deldokument.ports.documents import DocumentSigner

CLIENT_KEY_LIFETIME: Final = timedelta(days=365)
"""ID-porten and Maskinporten accept a client's key for a year."""
_CERTIFICATES: Final = ("sslrootcert", "sslcert")


def places(settings: Settings) -> Mapping[str, Path]:
    """Return the folders whose free space matters, the first one of each disk.

    Those are the folder of the blobs (TMPDIR if they are in a bucket), and the folders of SQLite files.
    """
    found: dict[object, tuple[str, Path]] = {}
    for name, path in _folders(settings):
        found.setdefault(_disk(path), (name, path))
    return dict(found.values())


def free_bytes(settings: Settings) -> Mapping[str, int]:
    """Return the free bytes in each existing place."""
    found = {}
    for name, path in places(settings).items():
        with suppress(OSError):
            found[name] = shutil.disk_usage(path).free
    return found


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    if settings.blobs_s3 is None:
        yield "blobs", settings.blobs_dir
    else:
        yield "tmpdir", Path(tempfile.gettempdir())
    if settings.database_url.startswith("sqlite"):
        yield "data", Path(make_url(settings.database_url).database or "").parent
    if settings.keyring == "sqlite":
        yield "keyring", settings.keyring_path.parent


def _disk(path: Path) -> object:
    """Return the disk of a folder. A missing folder counts as a disk of its own, so that the doctor names it."""
    try:
        return path.stat().st_dev
    except OSError:
        return path


def client_key_files(settings: Settings) -> Mapping[str, Path]:
    """Return the file of each client's key, by register."""
    clients = {"ID-porten": settings.idporten, "Maskinporten": settings.maskinporten}
    return {name: client.client_key_path for name, client in clients.items() if client is not None}


def client_key_expiry(path: Path) -> datetime:
    """Return the end of a client key's lifetime, by the age of its file: a rotation replaces the file."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) + CLIENT_KEY_LIFETIME


def certificate_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield use and path of the certificate files that the settings name, except the certificate for sealing PDFs."""
    if settings.openbao is not None and settings.openbao.ca_path is not None:
        yield "OpenBao", settings.openbao.ca_path
    urls = {"database": settings.database_url}
    if settings.keyring_database is not None:
        urls["keyring"] = settings.keyring_database.url
    for use, url in urls.items():
        query = parse_qs(urlsplit(url).query)
        for name in _CERTIFICATES:
            yield from ((f"{use} {name}", Path(value)) for value in query.get(name, []) if value != "system")


def certificate_expiry(path: Path) -> datetime:
    """Return the latest expiry in a file, which may also contain expired CA certificates."""
    return max(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(path.read_bytes()))


def expiries(settings: Settings, signer: DocumentSigner) -> Mapping[str, datetime]:
    """Return the expiry of the PDF seal, the client keys and the certificates, without those that cannot be read."""
    found = {}
    for name, path in client_key_files(settings).items():
        with suppress(OSError):
            found[f"client key at {name}"] = client_key_expiry(path)
    for use, path in certificate_files(settings):
        with suppress(OSError, ValueError):
            found[f"certificate of {use}"] = certificate_expiry(path)
    with suppress(ServiceError):
        found["seal"] = valid_until(signer.certificate())
    return found
