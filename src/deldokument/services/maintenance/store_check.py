"""Check that a blob store supports all required operations, before an operator uses it.

Guarantees:
- Each operation is tried on a test object, so that missing support or permissions are found.
- The test object is removed at the end; if that fails, the orphan sweep removes it.
"""

import secrets

from deldokument.domain.errors import Broken
from deldokument.ports.blobs import BlobStore

_SIZE = 1000


def probe_store(blobs: BlobStore) -> None:
    """Write, read, list and delete a test object.

    The orphan sweep needs listing, which may be forbidden although everything else works.

    Raises: Broken if the store responds but an operation has no effect; the store's own errors.
    """
    name, content = secrets.token_hex(16), secrets.token_bytes(_SIZE)
    writer = blobs.create(name)
    writer.write(content)
    writer.commit()
    try:
        if blobs.read(name, 0, _SIZE) != content:
            raise Broken("the blob store gives back other bytes than it was given")
        if not _is_listed(blobs, name):
            raise Broken("the blob store does not list what it keeps")
    finally:
        blobs.delete([name])
    if _is_listed(blobs, name):
        raise Broken("the blob store keeps what it was told to delete")


def _is_listed(blobs: BlobStore, name: str) -> bool:
    return any(blob.name == name for blob in blobs.list(int(name[:2], 16)))
