"""Encrypted parts: each stored object of a document is one AES-GCM-HKDF stream as published by Tink.

Guarantees:
- Any range decrypts to the original plaintext, byte for byte, or raises `IntegrityError`.
- A nonce never repeats under a key, because every part draws its own salt.
- Sealing copies no bytes, except in the cipher.

A part's place in its document is in manifest.py. Callers supply the buffers.

Source: Tink, "AES-GCM-HKDF Streaming AEAD", with 256-bit keys, HKDF-SHA256 and 256 KiB ciphertext segments. The header
counts as the beginning of the first segment. So plaintext position p is at p + HEADER in an even grid of CAPACITY bytes
per segment; all arithmetic below follows from that.
"""

import os
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from deldokument.crypto.errors import IntegrityError

KEY = 32
ID = 16
SALT = 32
NONCE_PREFIX = 7
TAG = 16
HEADER = 1 + SALT + NONCE_PREFIX
"""Bytes of a stream's header: its own length, the salt and the nonce prefix."""
SEGMENT = 256 * 1024
"""Bytes of a full ciphertext segment, tag included (and header, in the first)."""
CAPACITY = SEGMENT - TAG
"""Plaintext bytes of a full segment; the first one holds HEADER fewer."""
SEGMENTS_IN_FULL_PART = 32
FULL_PART_PLAINTEXT = SEGMENTS_IN_FULL_PART * CAPACITY - HEADER
"""Plaintext bytes of a part whose ciphertext is exactly 8 MiB."""
MAX_SEGMENTS = 2**32
MAX_PART_PLAINTEXT = MAX_SEGMENTS * CAPACITY - HEADER

PART_LABEL = b"deldokument/part/1"
_NONCE = Struct(">7sIB")

Readable = bytes | bytearray | memoryview
Writable = bytearray | memoryview


def part_associated_data(document_id: bytes, part_id: bytes) -> bytes:
    """Return the associated data of a part: format label, document id and part id.

    Raises: ValueError unless both ids are 16 bytes.
    """
    if len(document_id) != ID or len(part_id) != ID:
        raise ValueError("document id and part id are 16 bytes each")
    return PART_LABEL + document_id + part_id


def ciphertext_length(plaintext_length: int) -> int:
    """Return the stored length, header and tags included, of a part of so many plaintext bytes.

    A buffer of this size also holds the result of any `PartEncryptor.encrypt_into` of so many bytes.
    Raises: ValueError if the length is outside the format.
    """
    if not 0 <= plaintext_length <= MAX_PART_PLAINTEXT:
        raise ValueError("a part cannot have this length")
    return HEADER + plaintext_length + TAG * _segment_count(plaintext_length)


def _segment_count(plaintext_length: int) -> int:
    return max(1, -(-(plaintext_length + HEADER) // CAPACITY))


def _segment_start(index: int) -> int:
    """Return the plaintext position at which a segment begins; the first segment has less capacity, for the header."""
    return max(0, index * CAPACITY - HEADER)


def _cipher(data_key: bytes, associated_data: bytes, header: bytes) -> AESGCM:
    if len(data_key) != KEY:
        raise ValueError("a data key is 32 bytes")
    salt = header[1 : 1 + SALT]
    derived = HKDF(algorithm=SHA256(), length=KEY, salt=salt, info=associated_data).derive(data_key)
    return AESGCM(derived)


class PartEncryptor:
    """Encryptor of one part, from front to back. An instance writes one part only, from one thread at a time.

    The nonce of the last segment marks it as the last. So a full segment can be sealed only once it is known whether
    more bytes follow. `sealable` returns how many of the available bytes may be sealed now, and always leaves at least
    one.

    A 1 MiB plaintext buffer holds four segments and some bytes more, so each call gives exactly 1 MiB to write.
    """

    def __init__(self, data_key: bytes, associated_data: bytes) -> None:
        """Draw a random salt and nonce prefix. `part_associated_data` returns `associated_data`.

        Raises: ValueError unless `data_key` is 32 bytes.
        """
        self.header: bytes = bytes([HEADER]) + os.urandom(SALT + NONCE_PREFIX)
        """The part's first 40 stored bytes, for the manifest."""
        self.plaintext_length: int = 0
        """Plaintext bytes sealed so far."""
        self._cipher = _cipher(data_key, associated_data, self.header)
        self._prefix = self.header[1 + SALT :]
        self._index = 0
        self._spent = False

    def sealable(self, available: int) -> int:
        """Return how many of `available` plaintext bytes fill whole segments while at least one byte is left over."""
        pending = available + self._header_length()
        return max(0, (pending - 1) // CAPACITY * CAPACITY - self._header_length())

    def encrypt_into(self, plaintext: Readable, out: Writable, *, last: bool) -> int:
        """Seal `plaintext` into the front of `out`; return how many bytes were written there.

        The first call writes the header before the first segment. Unless `last`, the bytes must end at a segment
        boundary (see `sealable`). With `last` they may end anywhere but must not be empty, except for an empty part.
        `out` must be large enough and not overlap the plaintext.
        Raises: ValueError, with nothing sealed, if a rule is broken, after the last call, and beyond 2**32 segments.
        """
        source, target = memoryview(plaintext), memoryview(out)
        segments = self._segments_of(len(source), last)
        offset = HEADER if self._index == 0 else 0
        if len(target) < offset + len(source) + segments * TAG:
            raise ValueError("the output buffer is too small")
        self._spent = last
        self.plaintext_length += len(source)
        target[:offset] = self.header[:offset]
        return self._seal_segments(source, target, offset, segments, last)

    def _seal_segments(self, source: memoryview, target: memoryview, offset: int, segments: int, last: bool) -> int:
        start = 0
        for remaining in range(segments - 1, -1, -1):
            stop = min(len(source), start + CAPACITY - self._header_length())
            nonce = _NONCE.pack(self._prefix, self._index, last and remaining == 0)
            # Count before the cipher runs: even if it fails, this nonce is used up.
            self._index += 1
            end = offset + stop - start + TAG
            self._cipher.encrypt_into(nonce, source[start:stop], None, target[offset:end])
            start, offset = stop, end
        return offset

    def _segments_of(self, length: int, last: bool) -> int:
        if self._spent:
            raise ValueError("the part has had its last segment")
        grid = length + self._header_length()
        if not last and (length == 0 or grid % CAPACITY):
            raise ValueError("only the last bytes of a part may end within a segment")
        if last and length == 0 and self._index:
            raise ValueError("the last segment of a part that is not empty holds at least one byte")
        segments = -(-grid // CAPACITY)
        if self._index + segments > MAX_SEGMENTS:
            raise ValueError("a part holds at most 2**32 segments")
        return segments

    def _header_length(self) -> int:
        return HEADER if self._index == 0 else 0


class PartReader:
    """Decryptor of any range of one part. It has no position, so threads and requests may share an instance."""

    def __init__(self, data_key: bytes, associated_data: bytes, header: bytes, plaintext_length: int) -> None:
        """Derive the part's key. Header and length must come from the sealed manifest, never from the store.

        Raises: IntegrityError if the header is malformed; ValueError if key or length is invalid.
        """
        if len(header) != HEADER or header[0] != HEADER:
            raise IntegrityError
        self._stored_length = ciphertext_length(plaintext_length)
        self._plaintext_length = plaintext_length
        self._last_index = _segment_count(plaintext_length) - 1
        self._header = header
        self._prefix = header[1 + SALT :]
        self._cipher = _cipher(data_key, associated_data, header)

    def segments_for(self, start: int, stop: int) -> tuple[int, int]:
        """Return the stored bytes [from, to) that must be read to open plaintext [start, stop).

        The range must hold at least one byte and lie within the part. Only the empty part has an empty range, 0 to 0;
        its stored bytes must be read to verify that it is empty.
        Raises: ValueError for any other range.
        """
        first, final = self._segment_range(start, stop)
        return first * SEGMENT, min((final + 1) * SEGMENT, self._stored_length)

    def decrypt(self, ciphertext: Readable, start: int, stop: int, out: Writable | None = None) -> memoryview:
        """Open exactly plaintext [start, stop) from the stored bytes that `segments_for(start, stop)` named.

        Returns a view into `out`, or into a new buffer. `out` must be at least as long as `ciphertext` and not overlap
        it. After a failed tag, `out` contains zeros.
        Raises: IntegrityError if a byte, the length, the order or the place is not as sealed; ValueError if `out` is
        too short.
        """
        source = memoryview(ciphertext)
        first, final = self._segment_range(start, stop)
        expected_from, expected_to = self.segments_for(start, stop)
        if len(source) != expected_to - expected_from:
            raise IntegrityError
        target = memoryview(bytearray(len(source)) if out is None else out)
        if len(target) < len(source):
            raise ValueError("the output buffer is too small")
        self._open_segments(source, target, first, final)
        skipped = start - _segment_start(first)
        return target[skipped : skipped + stop - start]

    def _open_segments(self, source: memoryview, target: memoryview, first: int, final: int) -> None:
        position = written = 0
        if first == 0:
            if source[:HEADER] != self._header:
                raise IntegrityError
            position = HEADER
        for index in range(first, final + 1):
            end = min((index + 1 - first) * SEGMENT, len(source))
            filled = written + end - position - TAG
            nonce = _NONCE.pack(self._prefix, index, index == self._last_index)
            try:
                self._cipher.decrypt_into(nonce, source[position:end], None, target[written:filled])
            except InvalidTag:
                # The cipher writes before it verifies; unverified plaintext must not remain in a reused buffer.
                target[:filled] = bytes(filled)
                raise IntegrityError from None
            position, written = end, filled

    def _segment_range(self, start: int, stop: int) -> tuple[int, int]:
        if start == stop == self._plaintext_length == 0:
            return 0, 0
        if not 0 <= start < stop <= self._plaintext_length:
            raise ValueError("the range is empty or outside the part")
        return (start + HEADER) // CAPACITY, (stop - 1 + HEADER) // CAPACITY
