"""Shares of very many documents, put in place without uploading them, and what reads their zip."""

import os
import secrets
import zlib
from collections.abc import Collection
from hashlib import sha256

from deldokument.crypto.keys import Purpose, derive
from deldokument.crypto.manifest import (
    InspectionRecord,
    Manifest,
    ManifestPart,
    manifest_hash,
    seal_inspection,
    seal_manifest,
)
from deldokument.crypto.stream import HEADER, PartEncryptor, ciphertext_length, part_associated_data
from deldokument.domain.errors import existing
from deldokument.domain.shares.share import Document, Verdict
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.keyring import Keyring
from deldokument.services.encryption import EncryptedColumn, existing_key, seal_field, share_key_id
from tests.support.stage.recorded_changes import recording

READERS = (["unzip", "-tqq"], ["7z", "t"], ["bsdtar", "-xOf"])
"""Programs of Debian's that read all of a zip and end with 0 when they find no fault."""


class CountingKeyring:
    """A keyring that knows how often it was asked for keys."""

    def __init__(self, inner: Keyring) -> None:
        self._inner = inner
        self.asked = 0

    def get(self, entry_ids: Collection[str]) -> dict[str, bytes]:
        self.asked += 1
        return self._inner.get(entry_ids)

    def create(self, entry_id: str) -> bytes:
        return self._inner.create(entry_id)

    def destroy(self, entry_ids: Collection[str]) -> None:
        self._inner.destroy(entry_ids)

    def ids(self, prefix: str) -> list[str]:
        return self._inner.ids(prefix)


def content_of(number: int, size: int) -> bytes:
    """What document ``number`` holds: no two alike."""
    return number.to_bytes(8) + bytes(size - 8)


def fill(deps: Dependencies, share_id: str, count: int, *, size: int, folder: str = "sak") -> None:
    """Give a share ``count`` inspected documents of ``size`` bytes in folders of a thousand, past every rule."""
    with deps.database.read() as tx:
        share = existing(tx.shares.get(share_id))
        last = max((document.position for document in tx.shares.documents([share_id])), default=0)
    share_key, audit_key = (existing_key(deps.keyring, key) for key in (share_key_id(share_id), share.audit_key_id))
    with recording(deps.database) as tx:
        for number in range(count):
            new = Document(secrets.token_hex(16), share_id, b"", size, last + number + 1)
            key_id, content = bytes.fromhex(new.id), content_of(number, size)
            manifest = Manifest(key_id, size, (_store(deps, share_key, key_id, content),))
            found = InspectionRecord(
                manifest_hash(manifest),
                sha256(content).digest(),
                zlib.crc32(content),
                "text/plain",
                Verdict.NOT_SCANNED,
            )
            name = f"{folder}/{number // 1000}/{number}.txt"
            tx.shares.add_document(
                Document(
                    new.id,
                    share_id,
                    seal_field(audit_key, name, EncryptedColumn.FILE_NAME, new.id),
                    size,
                    new.position,
                    sealed_inspection=seal_inspection(share_key, manifest, found),
                    inspected_at=share.created_at,
                ).complete(seal_manifest(share_key, manifest), share.created_at)
            )


def _store(deps: Dependencies, share_key: bytes, document_id: bytes, content: bytes) -> ManifestPart:
    part_id = os.urandom(16)
    sealed = bytearray(ciphertext_length(len(content)))
    cipher = PartEncryptor(derive(share_key, Purpose.DATA, document_id), part_associated_data(document_id, part_id))
    cipher.encrypt_into(content, sealed, last=True)
    writer = deps.blobs.create(part_id.hex())
    writer.write(sealed)
    writer.commit()
    return ManifestPart(part_id, 0, len(content), bytes(sealed[:HEADER]))
