"""Sealed manifest of a document (its parts, their order and lengths), and its sealed inspection record.

Guarantees:
- A document decrypts to exactly the uploaded bytes, or not at all.
- An attacker with write access to database and store cannot omit, repeat, reorder, swap or replay parts.
- Such an attacker cannot use one document's inspection record for another.

Sealing of parts is in stream.py.
"""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field
from struct import Struct

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Purpose, derive, frame, open_sealed, seal
from deldokument.crypto.stream import HEADER, ID, MAX_PART_PLAINTEXT

MANIFEST_LABEL = b"deldokument/manifest/1"
INSPECTION_LABEL = b"deldokument/inspection/1"
_VERSION = 1
_HASH = 32
_MANIFEST_HEAD = Struct(">B16sQI")
_MANIFEST_PART = Struct(">16sQQ40s")
_INSPECTION_HEAD = Struct(">B32s32sIHH")
_MAX_LENGTH = 2**63 - 1
_MAX_TEXT = 2**16 - 1


@dataclass(frozen=True, slots=True)
class ManifestPart:
    """One part's place: `length` plaintext bytes (at least 1) from `offset`, in the part with this id and header.

    The id names the stored object.
    """

    part_id: bytes
    offset: int
    length: int
    header: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.part_id) != ID:
            raise ValueError("a part id is 16 bytes")
        if len(self.header) != HEADER or self.header[0] != HEADER:
            raise ValueError("a part's header is 40 bytes and begins with its length")
        if not 1 <= self.length <= MAX_PART_PLAINTEXT:
            raise ValueError("a part in a manifest cannot have this length")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A completed document: `length` bytes in `parts`, without gap or overlap. An empty document has no parts.

    Raises: ValueError if the parts do not follow each other from 0, do not sum to the length, or share an id.
    """

    document_id: bytes
    length: int
    parts: tuple[ManifestPart, ...]

    def __post_init__(self) -> None:
        if len(self.document_id) != ID:
            raise ValueError("a document id is 16 bytes")
        position = 0
        for part in self.parts:
            if part.offset != position:
                raise ValueError("the parts do not follow each other")
            position += part.length
        if position != self.length or self.length > _MAX_LENGTH:
            raise ValueError("the parts do not sum to the document's length")
        if len({part.part_id for part in self.parts}) != len(self.parts):
            raise ValueError("two parts share an id")

    def covering(self, start: int, stop: int) -> list[tuple[ManifestPart, int, int]]:
        """Return the parts that hold plaintext [start, stop), in order, each with the range's start and stop within it.

        An empty range has no parts.
        Raises: ValueError if the range does not lie within the document.
        """
        if not 0 <= start <= stop <= self.length:
            raise ValueError("the range is outside the document")
        found = []
        position = start
        index = bisect_right(self.parts, start, key=lambda part: part.offset) - 1
        while position < stop:
            part = self.parts[index]
            end = min(stop, part.offset + part.length)
            found.append((part, position - part.offset, end - part.offset))
            position, index = end, index + 1
        return found


@dataclass(frozen=True, slots=True)
class InspectionRecord:
    """Result of one complete reading of a document: plaintext digests, media type by content, verdict.

    `manifest_hash` identifies the manifest that was read.
    Raises: ValueError if a digest or number has the wrong size, or a text is empty or longer than 65535 bytes.
    """

    manifest_hash: bytes
    sha256: bytes
    crc32: int
    media_type: str
    verdict: str

    def __post_init__(self) -> None:
        if len(self.manifest_hash) != _HASH or len(self.sha256) != _HASH or not 0 <= self.crc32 < 2**32:
            raise ValueError("a digest or checksum has the wrong size")
        if not all(1 <= len(text.encode()) <= _MAX_TEXT for text in (self.media_type, self.verdict)):
            raise ValueError("media type and verdict have 1 to 65535 bytes each")

    @property
    def etag(self) -> str:
        """An identifier of exactly these bytes, for caches and for resuming a download."""
        return self.manifest_hash[:16].hex()


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest's only binary form (docs/format.md, Manifest)."""
    head = _MANIFEST_HEAD.pack(_VERSION, manifest.document_id, manifest.length, len(manifest.parts))
    return head + b"".join(
        _MANIFEST_PART.pack(part.part_id, part.offset, part.length, part.header) for part in manifest.parts
    )


def decode_manifest(encoded: bytes) -> Manifest:
    """Return the manifest of this binary form.

    Raises: IntegrityError unless `encode_manifest` gives exactly these bytes.
    """
    if len(encoded) < _MANIFEST_HEAD.size:
        raise IntegrityError
    version, document_id, length, count = _MANIFEST_HEAD.unpack_from(encoded)
    body = encoded[_MANIFEST_HEAD.size :]
    if version != _VERSION or len(body) != count * _MANIFEST_PART.size:
        raise IntegrityError
    try:
        parts = tuple(ManifestPart(*fields) for fields in _MANIFEST_PART.iter_unpack(body))
        return Manifest(document_id, length, parts)
    except ValueError:
        raise IntegrityError from None


def manifest_hash(manifest: Manifest) -> bytes:
    """Return the SHA-256 of the manifest's binary form: 32 bytes that identify this document in exactly these parts."""
    return hashlib.sha256(encode_manifest(manifest)).digest()


def seal_manifest(share_key: bytes, manifest: Manifest) -> bytes:
    """Seal the manifest under its document's manifest key.

    A document is sealed only once, because an attacker could restore an older manifest (docs/format.md, Limits).
    Raises: ValueError unless the share key is 32 bytes.
    """
    key = derive(share_key, Purpose.MANIFEST, manifest.document_id)
    return seal(key, encode_manifest(manifest), frame(MANIFEST_LABEL, manifest.document_id))


def open_manifest(share_key: bytes, document_id: bytes, sealed: bytes) -> Manifest:
    """Return the manifest sealed for this document under this share key.

    Raises: IntegrityError otherwise.
    """
    key = derive(share_key, Purpose.MANIFEST, document_id)
    manifest = decode_manifest(open_sealed(key, sealed, frame(MANIFEST_LABEL, document_id)))
    if manifest.document_id != document_id:
        raise IntegrityError
    return manifest


def seal_inspection(share_key: bytes, manifest: Manifest, record: InspectionRecord) -> bytes:
    """Seal the inspection record of the document of `manifest`.

    Raises: ValueError if the record names another manifest.
    """
    if record.manifest_hash != manifest_hash(manifest):
        raise ValueError("the record is about another manifest")
    key = derive(share_key, Purpose.INSPECTION, manifest.document_id)
    return seal(key, _encode_inspection(record), frame(INSPECTION_LABEL, manifest.document_id))


def open_inspection(share_key: bytes, manifest: Manifest, sealed: bytes) -> InspectionRecord:
    """Return the record sealed for exactly this manifest.

    Raises: IntegrityError otherwise, also for another manifest's record.
    """
    key = derive(share_key, Purpose.INSPECTION, manifest.document_id)
    encoded = open_sealed(key, sealed, frame(INSPECTION_LABEL, manifest.document_id))
    record = _decode_inspection(encoded)
    if record.manifest_hash != manifest_hash(manifest):
        raise IntegrityError
    return record


def _encode_inspection(record: InspectionRecord) -> bytes:
    media_type, verdict = record.media_type.encode(), record.verdict.encode()
    head = _INSPECTION_HEAD.pack(
        _VERSION, record.manifest_hash, record.sha256, record.crc32, len(media_type), len(verdict)
    )
    return head + media_type + verdict


def _decode_inspection(encoded: bytes) -> InspectionRecord:
    if len(encoded) < _INSPECTION_HEAD.size:
        raise IntegrityError
    version, hashed, sha256, crc32, media_length, verdict_length = _INSPECTION_HEAD.unpack_from(encoded)
    texts = encoded[_INSPECTION_HEAD.size :]
    if version != _VERSION or len(texts) != media_length + verdict_length:
        raise IntegrityError
    media_type, verdict = texts[:media_length], texts[media_length:]
    try:
        return InspectionRecord(hashed, sha256, crc32, media_type.decode(), verdict.decode())
    except ValueError:
        raise IntegrityError from None
