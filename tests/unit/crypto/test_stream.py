"""Claims about one part: what goes in comes out, whole or in any range, and nothing else ever does."""

import re

import pytest

from deldokument.crypto import stream
from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.stream import (
    CAPACITY,
    FULL_PART_PLAINTEXT,
    HEADER,
    MAX_PART_PLAINTEXT,
    SEGMENT,
    TAG,
    PartEncryptor,
    PartReader,
    ciphertext_length,
    part_associated_data,
)

KEY = bytes(range(32))
BOUND_TO = part_associated_data(b"d" * 16, b"p" * 16)
FIRST = CAPACITY - HEADER
MIB = 2**20
PATTERN = bytes(range(251)) * (FULL_PART_PLAINTEXT // 251 + 1)
BORDERS = [FIRST - 1, FIRST, FIRST + 1, FIRST + CAPACITY - 1, FIRST + CAPACITY, FIRST + CAPACITY + 1]
SIZES = sorted({0, 1, 2, 15, 16, 17, CAPACITY - 1, CAPACITY, CAPACITY + 1, *BORDERS, MIB, FULL_PART_PLAINTEXT})


def sealed_at_once(plaintext: bytes) -> tuple[bytes, bytes]:
    encryptor = PartEncryptor(KEY, BOUND_TO)
    out = bytearray(ciphertext_length(len(plaintext)))
    assert encryptor.encrypt_into(plaintext, out, last=True) == len(out)
    return encryptor.header, bytes(out)


def sealed_as_an_upload_does(plaintext: bytes, buffer_size: int) -> tuple[bytes, bytes, list[int]]:
    """Fill a buffer, seal what may go, keep the rest; as the way of the bytes does it."""
    encryptor = PartEncryptor(KEY, BOUND_TO)
    out = bytearray(ciphertext_length(buffer_size))
    stored, writes, kept, position = bytearray(), [], b"", 0
    while True:
        taken = plaintext[position : position + buffer_size - len(kept)]
        position += len(taken)
        kept += taken
        last = position == len(plaintext)
        ready = len(kept) if last else encryptor.sealable(len(kept))
        written = encryptor.encrypt_into(kept[:ready], out, last=last)
        stored += out[:written]
        writes.append(written)
        kept = kept[ready:]
        if last:
            assert encryptor.plaintext_length == len(plaintext)
            return encryptor.header, bytes(stored), writes


def opened(header: bytes, stored: bytes, length: int, start: int, stop: int) -> bytes:
    reader = PartReader(KEY, BOUND_TO, header, length)
    begin, end = reader.segments_for(start, stop)
    return bytes(reader.decrypt(stored[begin:end], start, stop))


@pytest.mark.parametrize("size", SIZES)
def test_a_part_of_any_size_is_decrypted_unchanged(size: int) -> None:
    header, stored = sealed_at_once(PATTERN[:size])
    assert stored[:HEADER] == header
    assert opened(header, stored, size, 0, size) == PATTERN[:size]


@pytest.mark.parametrize("size", SIZES)
def test_sealing_piecewise_gives_what_sealing_at_once_would_give(size: int) -> None:
    header, stored, _ = sealed_as_an_upload_does(PATTERN[:size], MIB)
    assert len(stored) == ciphertext_length(size)
    assert opened(header, stored, size, 0, size) == PATTERN[:size]


def test_a_full_part_is_exactly_eight_mebibytes() -> None:
    assert ciphertext_length(FULL_PART_PLAINTEXT) == 8 * MIB
    assert ciphertext_length(FULL_PART_PLAINTEXT + 1) == 8 * MIB + 1 + TAG


def test_a_mebibyte_of_plaintext_gives_a_mebibyte_to_write_each_time() -> None:
    _, _, writes = sealed_as_an_upload_does(PATTERN[:FULL_PART_PLAINTEXT], MIB)
    assert writes == [MIB] * 8


@pytest.mark.parametrize("start", [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + CAPACITY - 1, FIRST + CAPACITY])
@pytest.mark.parametrize("size", [1, 2, 100, CAPACITY, CAPACITY + 2, 2 * CAPACITY])
def test_any_range_is_decrypted_exactly(start: int, size: int) -> None:
    length = FIRST + 4 * CAPACITY
    header, stored = sealed_at_once(PATTERN[:length])
    stop = min(start + size, length)
    assert opened(header, stored, length, start, stop) == PATTERN[start:stop]


def test_a_small_range_needs_one_segment_only() -> None:
    reader = PartReader(KEY, BOUND_TO, bytes([40]) + bytes(39), FIRST + CAPACITY + 5)
    assert reader.segments_for(0, FIRST) == (0, SEGMENT)
    assert reader.segments_for(FIRST, FIRST + 1) == (SEGMENT, 2 * SEGMENT)
    assert reader.segments_for(FIRST - 1, FIRST + 1) == (0, 2 * SEGMENT)
    assert reader.segments_for(FIRST + CAPACITY, FIRST + CAPACITY + 5) == (2 * SEGMENT, 2 * SEGMENT + 5 + TAG)


def test_the_empty_part_is_a_header_and_a_tag_and_is_verified() -> None:
    header, stored = sealed_at_once(b"")
    assert len(stored) == HEADER + TAG
    reader = PartReader(KEY, BOUND_TO, header, 0)
    assert reader.segments_for(0, 0) == (0, HEADER + TAG)
    assert bytes(reader.decrypt(stored, 0, 0)) == b""
    with pytest.raises(IntegrityError):
        reader.decrypt(stored[:-1] + bytes([stored[-1] ^ 1]), 0, 0)


def test_opening_into_a_buffer_gives_a_view_of_that_buffer() -> None:
    header, stored = sealed_at_once(PATTERN[:1000])
    buffer = bytearray(MIB)
    view = PartReader(KEY, BOUND_TO, header, 1000).decrypt(memoryview(stored), 10, 20, buffer)
    assert view.obj is buffer
    assert bytes(view) == PATTERN[10:20]


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (5, 5), (5, 4), (-1, 3), (0, 11), (11, 12)])
def test_a_range_that_is_empty_or_outside_is_refused(start: int, stop: int) -> None:
    reader = PartReader(KEY, BOUND_TO, bytes([40]) + bytes(39), 10)
    with pytest.raises(ValueError, match="range"):
        reader.segments_for(start, stop)


@pytest.mark.parametrize("at", [0, 1, 39, 40, SEGMENT - 1, SEGMENT, SEGMENT + 5, -1])
def test_one_flipped_bit_anywhere_is_refused(at: int) -> None:
    header, stored = sealed_at_once(PATTERN[: FIRST + 10])
    changed = bytearray(stored)
    changed[at] ^= 4
    with pytest.raises(IntegrityError):
        opened(header, bytes(changed), FIRST + 10, 0, FIRST + 10)


def test_damage_in_one_segment_leaves_the_others_readable() -> None:
    header, stored = sealed_at_once(PATTERN[: FIRST + 10])
    damaged = stored[:100] + bytes([stored[100] ^ 1]) + stored[101:]
    assert opened(header, damaged, FIRST + 10, FIRST, FIRST + 10) == PATTERN[FIRST : FIRST + 10]


@pytest.mark.parametrize("claimed", [0, 1, FIRST - 1, FIRST, FIRST + 9, FIRST + 11, FIRST + CAPACITY + 1])
def test_a_part_does_not_open_at_another_length(claimed: int) -> None:
    header, stored = sealed_at_once(PATTERN[: FIRST + 10])
    with pytest.raises(IntegrityError):
        opened(header, stored, claimed, 0, claimed)


def test_more_or_fewer_bytes_than_asked_for_are_refused() -> None:
    header, stored = sealed_at_once(PATTERN[:1000])
    reader = PartReader(KEY, BOUND_TO, header, 1000)
    for wrong in (stored[:-1], stored + b"\x00", b"", stored[:HEADER]):
        with pytest.raises(IntegrityError):
            reader.decrypt(wrong, 0, 1000)


def test_a_part_opens_under_its_own_key_document_and_id_only() -> None:
    header, stored = sealed_at_once(b"hei")
    strangers = [
        (bytes(32), BOUND_TO),
        (KEY, part_associated_data(b"e" * 16, b"p" * 16)),
        (KEY, part_associated_data(b"d" * 16, b"q" * 16)),
        (KEY, part_associated_data(b"p" * 16, b"d" * 16)),
    ]
    for key, bound_to in strangers:
        with pytest.raises(IntegrityError):
            PartReader(key, bound_to, header, 3).decrypt(stored, 0, 3)


@pytest.mark.parametrize("header", [b"", bytes([40]) + bytes(38), bytes([40]) + bytes(40), bytes([41]) + bytes(39)])
def test_an_invalid_header_is_refused(header: bytes) -> None:
    with pytest.raises(IntegrityError):
        PartReader(KEY, BOUND_TO, header, 3)


def test_a_failed_tag_leaves_no_plaintext_in_the_buffer() -> None:
    header, stored = sealed_at_once(b"k" * (FIRST + 5000))
    damaged = stored[:-1] + bytes([stored[-1] ^ 1])
    buffer = bytearray(MIB)
    with pytest.raises(IntegrityError):
        PartReader(KEY, BOUND_TO, header, FIRST + 5000).decrypt(damaged, 0, FIRST + 5000, buffer)
    assert not any(buffer)


def test_every_failure_says_the_same() -> None:
    header, stored = sealed_at_once(PATTERN[: FIRST + 10])
    said = set()
    for changed in (b"\x00" + stored[1:], stored[:50] + b"\x00\x00" + stored[52:], stored[:-1]):
        with pytest.raises(IntegrityError) as failure:
            opened(header, changed, FIRST + 10, 0, FIRST + 10)
        said.add(str(failure.value))
        assert failure.value.__cause__ is None
        assert failure.value.__suppress_context__ or failure.value.__context__ is None
    assert len(said) == 1


def test_a_spent_encryptor_refuses_more() -> None:
    encryptor, out = PartEncryptor(KEY, BOUND_TO), bytearray(MIB)
    encryptor.encrypt_into(b"slutt", out, last=True)
    for last in (True, False):
        with pytest.raises(ValueError, match="has had its last segment"):
            encryptor.encrypt_into(b"mer", out, last=last)


@pytest.mark.parametrize("size", [0, 1, FIRST - 1, FIRST + 1, CAPACITY])
def test_only_the_last_bytes_may_end_within_a_segment(size: int) -> None:
    encryptor, out = PartEncryptor(KEY, BOUND_TO), bytearray(MIB)
    with pytest.raises(ValueError, match="end within a segment"):
        encryptor.encrypt_into(PATTERN[:size], out, last=False)
    encryptor.encrypt_into(PATTERN[:FIRST], out, last=False)
    with pytest.raises(ValueError, match="end within a segment"):
        encryptor.encrypt_into(PATTERN[:FIRST], out, last=False)


def test_a_part_that_is_not_empty_does_not_end_with_an_empty_segment() -> None:
    encryptor, out = PartEncryptor(KEY, BOUND_TO), bytearray(MIB)
    encryptor.encrypt_into(PATTERN[:FIRST], out, last=False)
    with pytest.raises(ValueError, match="at least one byte"):
        encryptor.encrypt_into(b"", out, last=True)


def test_a_refused_call_has_sealed_nothing() -> None:
    encryptor = PartEncryptor(KEY, BOUND_TO)
    small = bytearray(ciphertext_length(5) - 1)
    with pytest.raises(ValueError, match="too small"):
        encryptor.encrypt_into(b"fem b", small, last=True)
    assert not any(small)
    assert encryptor.plaintext_length == 0
    out = bytearray(ciphertext_length(5))
    encryptor.encrypt_into(b"fem b", out, last=True)
    assert opened(encryptor.header, bytes(out), 5, 0, 5) == b"fem b"


def test_opening_into_too_small_a_buffer_is_refused() -> None:
    header, stored = sealed_at_once(b"fem b")
    with pytest.raises(ValueError, match="too small"):
        PartReader(KEY, BOUND_TO, header, 5).decrypt(stored, 0, 5, bytearray(len(stored) - 1))


def test_sealable_leaves_at_least_one_byte_and_ends_at_a_border() -> None:
    encryptor, out = PartEncryptor(KEY, BOUND_TO), bytearray(MIB)
    asked = [0, 1, FIRST, FIRST + 1, FIRST + CAPACITY, FIRST + CAPACITY + 1]
    assert [encryptor.sealable(size) for size in asked] == [0, 0, 0, FIRST, FIRST, FIRST + CAPACITY]
    encryptor.encrypt_into(PATTERN[:FIRST], out, last=False)
    asked = [0, 1, CAPACITY, CAPACITY + 1, 2 * CAPACITY, 2 * CAPACITY + 1]
    assert [encryptor.sealable(size) for size in asked] == [0, 0, 0, CAPACITY, CAPACITY, 2 * CAPACITY]


def test_the_segment_count_never_leaves_its_four_bytes() -> None:
    encryptor, out = PartEncryptor(KEY, BOUND_TO), bytearray(MIB)
    encryptor.encrypt_into(PATTERN[:FIRST], out, last=False)
    encryptor._index = stream.MAX_SEGMENTS - 1
    with pytest.raises(ValueError, match=re.escape("2**32")):
        encryptor.encrypt_into(PATTERN[: CAPACITY + 1], out, last=True)
    assert encryptor.encrypt_into(PATTERN[:CAPACITY], out, last=True) == SEGMENT


@pytest.mark.parametrize("length", [-1, MAX_PART_PLAINTEXT + 1])
def test_a_length_outside_the_format_is_refused(length: int) -> None:
    assert ciphertext_length(MAX_PART_PLAINTEXT) == stream.MAX_SEGMENTS * SEGMENT
    with pytest.raises(ValueError, match="length"):
        ciphertext_length(length)


def test_ids_and_keys_of_another_size_are_refused() -> None:
    for document_id, part_id in ((b"d" * 15, b"p" * 16), (b"d" * 16, b"p" * 17)):
        with pytest.raises(ValueError, match="16 bytes"):
            part_associated_data(document_id, part_id)
    with pytest.raises(ValueError, match="32 bytes"):
        PartEncryptor(KEY[:16], BOUND_TO)
    with pytest.raises(ValueError, match="32 bytes"):
        PartReader(KEY[:16], BOUND_TO, bytes([40]) + bytes(39), 1)


def test_no_two_parts_share_a_salt_or_nonce_prefix() -> None:
    headers = [PartEncryptor(KEY, BOUND_TO).header for _ in range(2000)]
    assert len({header[1:33] for header in headers}) == len(headers)
    assert len({header[33:] for header in headers}) == len(headers)


class _WatchedCipher:
    """Notes every nonce and otherwise seals as the real one does."""

    def __init__(self, encryptor: PartEncryptor) -> None:
        self.nonces: list[bytes] = []
        self._real = encryptor._cipher
        encryptor._cipher = self  # type: ignore[assignment]

    def encrypt_into(self, nonce: bytes, *rest: object) -> int:
        self.nonces.append(nonce)
        return self._real.encrypt_into(nonce, *rest)  # type: ignore[arg-type]


def test_no_nonce_repeats_within_a_part_and_only_the_last_is_marked() -> None:
    encryptor, out = PartEncryptor(KEY, BOUND_TO), bytearray(2 * MIB)
    watched = _WatchedCipher(encryptor)
    position = 0
    for count in (1, 4, 2, 3):
        size = encryptor.sealable(count * CAPACITY + 1)
        encryptor.encrypt_into(PATTERN[position : position + size], out, last=False)
        position += size
    encryptor.encrypt_into(PATTERN[position : position + CAPACITY + 1], out, last=True)
    prefix = encryptor.header[33:]
    assert len(watched.nonces) == 12
    assert watched.nonces == [prefix + index.to_bytes(4, "big") + bytes([index == 11]) for index in range(12)]


def test_equal_content_never_gives_equal_ciphertext() -> None:
    assert sealed_at_once(b"likt")[1][HEADER:] != sealed_at_once(b"likt")[1][HEADER:]


def test_the_repr_of_a_cipher_shows_no_key() -> None:
    header = bytes([40]) + bytes(39)
    for shown in (PartEncryptor(KEY, BOUND_TO), PartReader(KEY, BOUND_TO, header, 1)):
        assert KEY.hex() not in repr(shown)
        assert repr(KEY) not in repr(shown)
