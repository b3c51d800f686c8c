"""Properties of parts, manifests and texts, for inputs that hypothesis generates."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.fields import open_text, seal_text
from deldokument.crypto.manifest import Manifest, ManifestPart, decode_manifest, encode_manifest
from deldokument.crypto.stream import (
    CAPACITY,
    HEADER,
    SEGMENT,
    PartEncryptor,
    PartReader,
    ciphertext_length,
    part_associated_data,
)

pytestmark = pytest.mark.once

KEY = bytes(range(32))
BOUND_TO = part_associated_data(b"d" * 16, b"p" * 16)
CONTENT = os.urandom(4 * CAPACITY)
NEAR_BORDERS = st.builds(
    lambda segments, off: max(0, min(len(CONTENT), segments * CAPACITY - HEADER + off)),
    st.integers(0, 4),
    st.integers(-HEADER - 2, HEADER + 2),
)
LENGTHS = NEAR_BORDERS | st.integers(0, len(CONTENT))


def sealed(length: int, pieces: list[int]) -> tuple[bytes, bytes]:
    """Sealed in as many calls as the pieces allow."""
    encryptor, stored, position = PartEncryptor(KEY, BOUND_TO), bytearray(), 0
    out = bytearray(ciphertext_length(length))
    for piece in pieces:
        ready = encryptor.sealable(min(piece, length - position))
        if ready:
            stored += out[: encryptor.encrypt_into(CONTENT[position : position + ready], out, last=False)]
            position += ready
    stored += out[: encryptor.encrypt_into(CONTENT[position:length], out, last=True)]
    return encryptor.header, bytes(stored)


@settings(deadline=None)
@given(LENGTHS, st.lists(st.integers(0, 2 * CAPACITY), max_size=5), st.data())
def test_any_range_of_any_part_comes_back_however_it_was_cut(
    length: int, pieces: list[int], data: st.DataObject
) -> None:
    header, stored = sealed(length, pieces)
    assert len(stored) == ciphertext_length(length)
    inside = NEAR_BORDERS.map(lambda at: min(at, length)) | st.integers(0, length)
    start, stop = sorted((data.draw(inside), data.draw(inside)))
    if start == stop:
        start, stop = 0, length
    reader = PartReader(KEY, BOUND_TO, header, length)
    begin, end = reader.segments_for(start, stop)
    assert end - begin <= ((stop - start) // CAPACITY + 2) * SEGMENT
    assert reader.decrypt(stored[begin:end], start, stop) == CONTENT[start:stop]


@settings(deadline=None)
@given(LENGTHS, st.data())
def test_no_changed_byte_is_ever_read(length: int, data: st.DataObject) -> None:
    header, stored = sealed(length, [])
    changed = bytearray(stored)
    changed[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    reader = PartReader(KEY, BOUND_TO, header, length)
    try:
        reader.decrypt(changed, 0, length)
    except IntegrityError:
        return
    raise AssertionError("a changed part was opened")


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    lengths = draw(st.lists(st.integers(1, 2**40), max_size=12))
    ids = draw(st.lists(st.binary(min_size=16, max_size=16), min_size=len(lengths), max_size=len(lengths), unique=True))
    parts, offset = [], 0
    for part_id, length in zip(ids, lengths, strict=True):
        parts.append(ManifestPart(part_id, offset, length, bytes([40]) + draw(st.binary(min_size=39, max_size=39))))
        offset += length
    return Manifest(draw(st.binary(min_size=16, max_size=16)), offset, tuple(parts))


@given(manifests())
def test_a_manifest_has_one_binary_form(manifest: Manifest) -> None:
    assert decode_manifest(encode_manifest(manifest)) == manifest


@given(st.binary(max_size=300))
def test_every_decoded_manifest_encodes_to_the_same_bytes(encoded: bytes) -> None:
    try:
        manifest = decode_manifest(encoded)
    except IntegrityError:
        return
    assert encode_manifest(manifest) == encoded


@given(manifests(), st.data())
def test_the_parts_that_cover_a_range_are_the_range(manifest: Manifest, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, manifest.length))
    stop = data.draw(st.integers(start, manifest.length))
    position = start
    for part, begin, end in manifest.covering(start, stop):
        assert part.offset + begin == position
        assert 0 <= begin < end <= part.length
        position = part.offset + end
    assert position == stop


@given(st.text(), st.text(max_size=20), st.binary(max_size=20))
def test_any_text_comes_back_in_its_place(text: str, label: str, record_id: bytes) -> None:
    assert open_text(KEY, seal_text(KEY, text, label, record_id), label, record_id) == text
