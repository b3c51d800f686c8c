"""Decoders of the format at rest: one encoding for each value, and one error for everything else."""

from __future__ import annotations

from contextlib import suppress

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.fields import BLOCK, FIELD_LABEL, open_bytes
from deldokument.crypto.keys import Purpose, derive, framed, open_sealed, seal
from deldokument.crypto.manifest import (
    INSPECTION_LABEL,
    Manifest,
    decode_manifest,
    encode_manifest,
    manifest_hash,
    open_inspection,
)

_KEY, _DOCUMENT = bytes(range(32)), bytes(16)
_EMPTY = Manifest(_DOCUMENT, 0, ())
_INSPECTION_KEY = derive(_KEY, Purpose.INSPECTION, _DOCUMENT)
_FIELD_KEY, _FIELD_DATA = derive(_KEY, Purpose.FIELDS), framed(FIELD_LABEL, b"share.title", b"s")


def manifest(data: bytes) -> None:
    """Decode a manifest: the accepted bytes are its only encoding, and every range lies in its parts."""
    with suppress(IntegrityError):
        decoded = decode_manifest(data)
        assert encode_manifest(decoded) == data
        covered = decoded.covering(0, decoded.length)
        assert sum(stop - start for _, start, stop in covered) == decoded.length
        assert [part for part, _, _ in covered] == list(decoded.parts)


def inspection(data: bytes) -> None:
    """Open an inspection record with these contents, after the hash of its manifest."""
    record = data[:1] + manifest_hash(_EMPTY) + data[1:]
    with suppress(IntegrityError):
        opened = open_inspection(_KEY, _EMPTY, seal(_INSPECTION_KEY, record, framed(INSPECTION_LABEL, _DOCUMENT)))
        tail = opened.media_type.encode() + opened.verdict.encode()
        assert record.endswith(tail)
        assert len(record) == 1 + 32 + 32 + 4 + 2 + 2 + len(tail)


def field(data: bytes) -> None:
    """Open an encrypted column with this padded content: a content has one padded form."""
    with suppress(IntegrityError):
        content = open_bytes(_KEY, seal(_FIELD_KEY, data, _FIELD_DATA), "share.title", b"s")
        assert data[:4] + content == data[: 4 + len(content)]
        assert len(data) % BLOCK == 0
        assert len(data) - 4 - len(content) < BLOCK


def sealed(data: bytes) -> None:
    """Open bytes that nobody sealed."""
    try:
        open_sealed(_KEY, data, b"")
    except IntegrityError:
        return
    raise AssertionError("opened what nobody sealed")
