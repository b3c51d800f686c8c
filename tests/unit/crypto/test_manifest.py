"""Claims about the manifest and the inspection record: complete, in order, of this document, or refused."""

from dataclasses import replace

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import new_key
from deldokument.crypto.manifest import (
    InspectionRecord,
    Manifest,
    ManifestPart,
    decode_manifest,
    encode_manifest,
    manifest_hash,
    open_inspection,
    open_manifest,
    seal_inspection,
    seal_manifest,
)
from deldokument.crypto.stream import FULL_PART_PLAINTEXT, MAX_PART_PLAINTEXT

KEY = bytes(range(32))
DOCUMENT = b"d" * 16
HEADER = bytes([40]) + bytes(39)


def part(number: int, offset: int, length: int) -> ManifestPart:
    return ManifestPart(number.to_bytes(16, "big"), offset, length, HEADER)


def document_of(*lengths: int) -> Manifest:
    offsets = [sum(lengths[:number]) for number in range(len(lengths))]
    parts = tuple(part(number, offsets[number], length) for number, length in enumerate(lengths))
    return Manifest(DOCUMENT, sum(lengths), parts)


def record_of(manifest: Manifest, verdict: str = "clean") -> InspectionRecord:
    return InspectionRecord(manifest_hash(manifest), bytes(32), 7, "application/pdf", verdict)


@pytest.mark.parametrize("lengths", [(), (1,), (10, 20, 30), (FULL_PART_PLAINTEXT,) * 600])
def test_a_manifest_is_decrypted_unchanged(lengths: tuple[int, ...]) -> None:
    manifest = document_of(*lengths)
    assert decode_manifest(encode_manifest(manifest)) == manifest
    assert open_manifest(KEY, DOCUMENT, seal_manifest(KEY, manifest)) == manifest


def test_a_manifest_opens_for_its_document_and_share_only() -> None:
    sealed = seal_manifest(KEY, document_of(10))
    with pytest.raises(IntegrityError):
        open_manifest(KEY, b"e" * 16, sealed)
    with pytest.raises(IntegrityError):
        open_manifest(new_key(), DOCUMENT, sealed)


@pytest.mark.parametrize(
    ("length", "parts", "complaint"),
    [
        (0, [part(1, 0, 5)], "sum"),
        (5, [], "sum"),
        (-1, [], "sum"),
        (11, [part(1, 0, 5), part(2, 6, 5)], "follow"),
        (9, [part(1, 0, 5), part(2, 4, 5)], "follow"),
        (10, [part(2, 5, 5), part(1, 0, 5)], "follow"),
        (11, [part(1, 0, 5), part(2, 5, 5)], "sum"),
        (10, [part(1, 0, 5), part(1, 5, 5)], "share an id"),
    ],
)
def test_parts_that_are_not_the_document_are_refused(length: int, parts: list[ManifestPart], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Manifest(DOCUMENT, length, tuple(parts))


def test_a_document_longer_than_the_format_is_refused() -> None:
    count = 2**63 // MAX_PART_PLAINTEXT + 1
    with pytest.raises(ValueError, match="length"):
        document_of(*[MAX_PART_PLAINTEXT] * count)


def test_a_document_id_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Manifest(b"d", 0, ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"part_id": b"p"},
        {"header": HEADER[:-1]},
        {"header": b"\x29" + HEADER[1:]},
        {"length": 0},
        {"length": MAX_PART_PLAINTEXT + 1},
    ],
)
def test_an_invalid_part_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"part"):
        replace(part(1, 0, 5), **wrong)  # type: ignore[arg-type]


def test_no_other_bytes_decode() -> None:
    encoded = encode_manifest(document_of(10, 20))
    for wrong in (b"", encoded[:28], encoded[:-1], encoded + b"\x00", b"\x02" + encoded[1:], encoded[:29]):
        with pytest.raises(IntegrityError):
            decode_manifest(wrong)


def test_decoding_never_accepts_what_encoding_does_not_give() -> None:
    encoded = encode_manifest(document_of(10, 20))
    for at in range(len(encoded)):
        changed = encoded[:at] + bytes([encoded[at] ^ 1]) + encoded[at + 1 :]
        try:
            manifest = decode_manifest(changed)
        except IntegrityError:
            continue
        assert encode_manifest(manifest) == changed


def test_the_hash_distinguishes_documents() -> None:
    manifest = document_of(10, 20)
    others = [document_of(30), document_of(20, 10), replace(manifest, document_id=b"e" * 16)]
    assert len({manifest_hash(each) for each in (manifest, *others)}) == 4


@pytest.mark.parametrize(
    ("start", "stop", "found"),
    [
        (0, 60, [(0, 0, 10), (1, 0, 20), (2, 0, 30)]),
        (0, 10, [(0, 0, 10)]),
        (0, 11, [(0, 0, 10), (1, 0, 1)]),
        (9, 10, [(0, 9, 10)]),
        (10, 11, [(1, 0, 1)]),
        (15, 31, [(1, 5, 20), (2, 0, 1)]),
        (59, 60, [(2, 29, 30)]),
        (0, 0, []),
        (60, 60, []),
    ],
)
def test_a_range_is_covered_by_exactly_its_parts(start: int, stop: int, found: list[tuple[int, int, int]]) -> None:
    manifest = document_of(10, 20, 30)
    covering = [(manifest.parts.index(part), begin, end) for part, begin, end in manifest.covering(start, stop)]
    assert covering == found


@pytest.mark.parametrize(("start", "stop"), [(-1, 5), (0, 61), (6, 5), (61, 61)])
def test_a_range_outside_the_document_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        document_of(10, 20, 30).covering(start, stop)


def test_an_empty_document_is_covered_by_nothing() -> None:
    assert document_of().covering(0, 0) == []


def test_an_inspection_record_can_be_opened_for_its_manifest() -> None:
    manifest = document_of(10)
    record = record_of(manifest)
    assert open_inspection(KEY, manifest, seal_inspection(KEY, manifest, record)) == record


def test_an_inspection_record_says_nothing_of_another_manifest() -> None:
    inspected, other = document_of(10), document_of(4, 6)
    sealed = seal_inspection(KEY, inspected, record_of(inspected))
    with pytest.raises(IntegrityError):
        open_inspection(KEY, other, sealed)
    with pytest.raises(IntegrityError):
        open_inspection(KEY, replace(inspected, document_id=b"e" * 16), sealed)
    with pytest.raises(ValueError, match="another manifest"):
        seal_inspection(KEY, other, record_of(inspected))


def test_a_sealed_manifest_is_no_inspection_record_and_the_reverse() -> None:
    manifest = document_of(10)
    with pytest.raises(IntegrityError):
        open_inspection(KEY, manifest, seal_manifest(KEY, manifest))
    with pytest.raises(IntegrityError):
        open_manifest(KEY, DOCUMENT, seal_inspection(KEY, manifest, record_of(manifest)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"manifest_hash": bytes(31)},
        {"sha256": bytes(33)},
        {"crc32": -1},
        {"crc32": 2**32},
        {"media_type": ""},
        {"verdict": ""},
        {"verdict": "x" * 65536},
    ],
)
def test_an_invalid_record_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"wrong size|65535 bytes"):
        replace(record_of(document_of(10)), **wrong)  # type: ignore[arg-type]
