"""Compaction of the parts of an upload that comes in many small requests.

Guarantees:
- An upload has at most length / 8 MiB + 16 parts.
- A merged part is a new stream under a new name; no nonce is used twice.
- The old objects are deleted only after the new one is committed in the database.
- An upload never fails because of compaction: the acknowledged bytes are safe without it. The next request retries a
  failed compaction.
"""

import logging
from collections.abc import Sequence

from deldokument.crypto.stream import (
    CAPACITY,
    PartEncryptor,
    PartReader,
    ciphertext_length,
    part_associated_data,
)
from deldokument.domain.errors import ServiceError
from deldokument.domain.shares.share import new_document_id
from deldokument.domain.shares.upload import Part, tail_to_merge
from deldokument.ports.blobs import BlobWriter
from deldokument.ports.dependencies import Dependencies

log = logging.getLogger("deldokument.uploads")
_STEP = 4 * CAPACITY


def compact_parts(deps: Dependencies, upload_id: str, document_id: str, data_key: bytes) -> None:
    """Merge small neighbouring parts into one.

    Gives up if another writer has changed them, or if database or store does not answer. Raises: IntegrityError if a
    part was tampered with. Then the document is lost, and the client must get the error.
    """
    try:
        with deps.database.read() as tx:
            old = tail_to_merge(tx.uploads.parts(upload_id))
        if old:
            _merge(deps, upload_id, document_id, data_key, old)
    except ServiceError as error:
        log.warning("parts were not merged: %s", error)


def _merge(deps: Dependencies, upload_id: str, document_id: str, data_key: bytes, old: Sequence[Part]) -> None:
    part_id = new_document_id()
    writer = deps.blobs.create(part_id)
    try:
        header = _rewrite(deps, writer, old, part_id, document_id, data_key)
        writer.commit()
    finally:
        writer.abort()
    new = Part(part_id, upload_id, old[0].offset, old[-1].stop - old[0].offset, header)
    # The commit may have succeeded despite an error, so the object is left to the sweep, which checks the database.
    with deps.database.write() as tx:
        merged = tx.uploads.merge(upload_id, old, new, deps.clock.now())
    if not merged:
        deps.blobs.delete([part_id])


def _rewrite(
    deps: Dependencies, writer: BlobWriter, old: Sequence[Part], part_id: str, document_id: str, data_key: bytes
) -> bytes:
    document = bytes.fromhex(document_id)
    encryptor = PartEncryptor(data_key, part_associated_data(document, bytes.fromhex(part_id)))
    sealed = bytearray(ciphertext_length(2 * _STEP))
    rest = b""
    for part in old:
        reader = PartReader(data_key, part_associated_data(document, bytes.fromhex(part.id)), part.header, part.length)
        for start in range(0, part.length, _STEP):
            stop = min(start + _STEP, part.length)
            plain = rest + reader.decrypt(deps.blobs.read(part.id, *reader.segments_for(start, stop)), start, stop)
            count = encryptor.sealable(len(plain))
            if count:
                writer.write(memoryview(sealed)[: encryptor.encrypt_into(plain[:count], sealed, last=False)])
            rest = plain[count:]
    writer.write(memoryview(sealed)[: encryptor.encrypt_into(rest, sealed, last=True)])
    return encryptor.header
