"""What opens under the right key must still be exactly what is sealed there, by any sealer."""

from dataclasses import astuple, fields

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.fields import FIELD_LABEL, open_text
from deldokument.crypto.keys import Purpose, derive, frame, seal
from deldokument.crypto.manifest import (
    INSPECTION_LABEL,
    MANIFEST_LABEL,
    InspectionRecord,
    Manifest,
    encode_manifest,
    manifest_hash,
    open_inspection,
    open_manifest,
    seal_inspection,
)
from deldokument.crypto.row_tags import encode_value, row_key, row_tag
from deldokument.crypto.share_cards import SHARE_KIND, ShareCard, open_card

KEY, DOCUMENT, OTHER = bytes(range(32)), bytes(16), bytes([1]) * 16
EMPTY = Manifest(DOCUMENT, 0, ())


def sealed_text(padded: bytes) -> bytes:
    return seal(derive(KEY, Purpose.FIELDS), padded, frame(FIELD_LABEL, b"share.title", b"s"))


def sealed_manifest(encoded: bytes) -> bytes:
    return seal(derive(KEY, Purpose.MANIFEST, DOCUMENT), encoded, frame(MANIFEST_LABEL, DOCUMENT))


def sealed_inspection(encoded: bytes) -> bytes:
    return seal(derive(KEY, Purpose.INSPECTION, DOCUMENT), encoded, frame(INSPECTION_LABEL, DOCUMENT))


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\x00\x00\x00\x01a" + bytes(58),
        b"\x00\x00\x00\x01a" + bytes(123),
        b"\x00\x00\x00\x01ab" + bytes(58),
        b"\x00\x00\x00\xffa" + bytes(59),
        b"\x00\x00\x00\x01\xff" + bytes(59),
    ],
    ids=["empty", "short", "a block too many", "no zeros", "too long", "no text"],
)
def test_a_text_has_one_padded_form_and_no_other_is_taken(padded: bytes) -> None:
    with pytest.raises(IntegrityError):
        open_text(KEY, sealed_text(padded), "share.title", b"s")


def test_the_right_form_of_a_text_is_taken() -> None:
    assert open_text(KEY, sealed_text(b"\x00\x00\x00\x01a" + bytes(59)), "share.title", b"s") == "a"


ENCODED = encode_manifest(EMPTY)


@pytest.mark.parametrize(
    "encoded",
    [b"", ENCODED[:-1], b"\x02" + ENCODED[1:], ENCODED + b"\x00", encode_manifest(Manifest(OTHER, 0, ()))],
    ids=["empty", "cut", "version", "longer", "of another document"],
)
def test_a_manifest_has_one_form_and_belongs_to_its_document(encoded: bytes) -> None:
    assert open_manifest(KEY, DOCUMENT, sealed_manifest(ENCODED)) == EMPTY
    with pytest.raises(IntegrityError):
        open_manifest(KEY, DOCUMENT, sealed_manifest(encoded))


def test_a_manifest_with_parts_of_another_total_length_is_refused() -> None:
    part = bytes(16) + bytes(8) + (5).to_bytes(8, "big") + bytes([40]) + bytes(39)
    encoded = b"\x01" + DOCUMENT + (6).to_bytes(8, "big") + (1).to_bytes(4, "big") + part
    with pytest.raises(IntegrityError):
        open_manifest(KEY, DOCUMENT, sealed_manifest(encoded))


RECORD = b"\x01" + manifest_hash(EMPTY) + bytes(32) + bytes(4) + b"\x00\x03\x00\x05" + b"a/bclean"


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        RECORD[:60],
        RECORD[:-1],
        RECORD + b"x",
        b"\x02" + RECORD[1:],
        RECORD[:-1] + b"\xff",
        b"\x01" + bytes(32) + RECORD[33:],
    ],
    ids=["empty", "no head", "cut", "longer", "version", "no text", "of another manifest"],
)
def test_an_inspection_record_has_one_form_and_belongs_to_its_manifest(encoded: bytes) -> None:
    assert open_inspection(KEY, EMPTY, sealed_inspection(RECORD)).verdict == "clean"
    with pytest.raises(IntegrityError):
        open_inspection(KEY, EMPTY, sealed_inspection(encoded))


NAMES = [one.name for one in fields(ShareCard)]
CARD = ShareCard(**(dict.fromkeys(NAMES) | {"tenant_id": "t", "changed_at": 1, "recipients": b""}))  # type: ignore[arg-type]
CARD_KEY = row_key(KEY, SHARE_KIND)


def sealed_card(*values: bytes, more: bytes = b"") -> bytes:
    payload = b"\x01" + frame(*values) + more
    return payload + row_tag(CARD_KEY, SHARE_KIND, "s", [payload])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("changed_at", b"i01"),
        ("changed_at", b"i+1"),
        ("changed_at", b"i 1"),
        ("changed_at", b"ix"),
        ("tenant_id", b"s\xff"),
        ("integration_id", b"x"),
    ],
    ids=["leading zero", "sign", "space", "no number", "no text", "no type"],
)
def test_a_card_has_one_form_and_no_other_is_taken(name: str, value: bytes) -> None:
    values, place = [encode_value(one) for one in astuple(CARD)], NAMES.index(name)
    assert open_card(CARD_KEY, "s", sealed_card(*values)) == CARD
    with pytest.raises(IntegrityError):
        open_card(CARD_KEY, "s", sealed_card(*values[:place], value, *values[place + 1 :]))
    # A last length beyond the end would be read as the bytes that exist.
    with pytest.raises(IntegrityError):
        open_card(CARD_KEY, "s", sealed_card(*values[:-1], more=b"\x00\x00\x00\x09b"))


def test_a_record_about_another_manifest_is_not_sealed() -> None:
    record = InspectionRecord(bytes(32), bytes(32), 0, "a/b", "clean")
    with pytest.raises(ValueError, match="another manifest"):
        seal_inspection(KEY, EMPTY, record)
