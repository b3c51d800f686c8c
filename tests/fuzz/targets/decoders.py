"""Decoders of the format at rest: one encoding for each value, and one error for everything else."""

from contextlib import suppress

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.fields import BLOCK, FIELD_LABEL, open_bytes
from deldokument.crypto.grants import GRANT_LABEL, GrantPlace, open_grant
from deldokument.crypto.keys import Purpose, derive, frame, open_sealed, seal
from deldokument.crypto.manifest import (
    INSPECTION_LABEL,
    Manifest,
    decode_manifest,
    encode_manifest,
    manifest_hash,
    open_inspection,
)
from deldokument.crypto.row_tags import row_key, row_tag
from deldokument.crypto.share_cards import SHARE_KIND, open_card, seal_card

_KEY, _DOCUMENT = bytes(range(32)), bytes(16)
_EMPTY = Manifest(_DOCUMENT, 0, ())
_CARD_KEY = row_key(_KEY, SHARE_KIND)
_INSPECTION_KEY = derive(_KEY, Purpose.INSPECTION, _DOCUMENT)
_FIELD_KEY, _FIELD_DATA = derive(_KEY, Purpose.FIELDS), frame(FIELD_LABEL, b"share.title", b"s")


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
        opened = open_inspection(_KEY, _EMPTY, seal(_INSPECTION_KEY, record, frame(INSPECTION_LABEL, _DOCUMENT)))
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


def grant(data: bytes) -> None:
    """Open a grant with these contents: an accepted one is the only encoding of what it grants."""
    place = GrantPlace("t", "a", "s", "r")
    bound_to = frame(GRANT_LABEL, b"share", b"t", b"a", b"s", b"r")
    with suppress(IntegrityError):
        opened = open_grant(_KEY, place, seal(derive(_KEY, Purpose.GRANT, b"s"), data, bound_to))
        kind = {"person": 1, "organization": 2}[opened.kind]
        assert bytes([1, kind, opened.confirmed]) + opened.identifier.encode() == data


def card(data: bytes) -> None:
    """Open a card that nobody sealed, and one with this payload and its tag: it has one encoding."""
    with suppress(IntegrityError):
        raise AssertionError(open_card(_CARD_KEY, "s", data))
    tagged = data + row_tag(_CARD_KEY, SHARE_KIND, "s", [data])
    with suppress(IntegrityError):
        assert seal_card(_CARD_KEY, "s", open_card(_CARD_KEY, "s", tagged)) == tagged


def sealed(data: bytes) -> None:
    """Open bytes that nobody sealed."""
    try:
        open_sealed(_KEY, data, b"")
    except IntegrityError:
        return
    raise AssertionError("opened what nobody sealed")
