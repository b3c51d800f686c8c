"""Whether the blob store does all that will be asked of it, as an operator asks before it is entrusted with anything.

Promises that what a store or its credentials do not do is found by doing it, to an object of no use that is gone at
the end; one that could not be removed is an orphan to the sweep.
"""

from __future__ import annotations

import secrets

from deldokument.domain.errors import Broken
from deldokument.ports.blobs import BlobStore

_SIZE = 1000


def probe_store(blobs: BlobStore) -> None:
    """Write, read, list and delete. Raises Broken when the store answers but does not do it; ServiceErrors of its own.

    Listing is what the sweep stands on, and may be forbidden while everything else works.
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
