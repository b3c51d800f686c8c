"""A zip of all documents of a share, with its layout computed before a byte of it is read.

Guarantees:
- The archive is deterministic (same documents, same bytes) and its length exact. So HEAD, ETag and any Range work as
  for a single document.
- It needs little more memory than its names.
- Entries are stored, not compressed, with ZIP64 records throughout.
- Names are unique and safe to unpack anywhere (see zip_names).

Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14-16 (ends), 4.5.3 (ZIP64
extra field); general purpose bit 11 (UTF-8 names).
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import pack

from deldokument.services.downloads.packed_bytes import PackedBytes
from deldokument.services.downloads.zip_names import unpackable_names

_VERSION_ZIP64 = 45
_UTF8 = 0x0800
_STORED = 0
_DATE_1980 = 0x21
_ALL32 = 0xFFFFFFFF
_ALL16 = 0xFFFF
_LOCAL, _CENTRAL = 50, 74
"""Lengths of the local and the central header in bytes, without the name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the archive: a document's name as shared, length in bytes, CRC-32 of its bytes."""

    name: str
    length: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Slice:
    """The bytes of one document in the archive, by the document's number from 0."""

    number: int
    length: int


Piece = bytes | Slice
PieceRanges = Iterator[tuple[Piece, int, int]]


class Archive:
    """Layout of the archive: headers, which are computed when needed, and documents, one after the other."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        names = list[str]()
        self._lengths, self._crcs, self._offsets = array("Q"), array("I"), array("Q")
        for entry in entries:
            names.append(entry.name)
            self._lengths.append(entry.length)
            self._crcs.append(entry.crc32)
        self._names = PackedBytes(name.encode() for name in unpackable_names(names))
        self._directory = 0
        for name, length in zip(self._names, self._lengths, strict=True):
            self._offsets.append(self._directory)
            self._directory += _LOCAL + len(name) + length
        self._end = self._central_start(len(self._names))
        self.length = self._end + len(self._ends())

    def within(self, start: int, stop: int) -> PieceRanges:
        """Yield the pieces that overlap bytes [start, stop), in order, each with its own range."""
        for position, piece in self._pieces(start):
            if position >= stop:
                return
            first, last = max(start - position, 0), min(stop - position, length_of(piece))
            if first < last:
                yield piece, first, last

    def _pieces(self, start: int) -> Iterator[tuple[int, Piece]]:
        """Yield each piece with its position, from the piece that holds ``start`` or a little before."""
        for number in range(max(bisect_right(self._offsets, start) - 1, 0), len(self._names)):
            header = self._local_header(number)
            yield self._offsets[number], header
            yield self._offsets[number] + len(header), Slice(number, self._lengths[number])
        numbers = range(len(self._names))
        for number in numbers[max(bisect_right(numbers, start, key=self._central_start) - 1, 0) :]:
            yield self._central_start(number), self._central_header(number)
        yield self._end, self._ends()

    def _local_header(self, number: int) -> bytes:
        name, length = self._names[number], self._lengths[number]
        extra = pack("<HHQQ", 1, 16, length, length)
        fixed = pack(
            "<4sHHHHHIIIHH", b"PK\x03\x04", _VERSION_ZIP64, _UTF8, _STORED, 0, _DATE_1980, self._crcs[number], _ALL32,
            _ALL32, len(name), len(extra),
        )  # fmt: skip
        return fixed + name + extra

    def _central_start(self, number: int) -> int:
        return self._directory + number * _CENTRAL + self._names.start(number)

    def _central_header(self, number: int) -> bytes:
        name, length = self._names[number], self._lengths[number]
        extra = pack("<HHQQQ", 1, 24, length, length, self._offsets[number])
        fixed = pack(
            "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", _VERSION_ZIP64, _VERSION_ZIP64, _UTF8, _STORED, 0, _DATE_1980,
            self._crcs[number], _ALL32, _ALL32, len(name), len(extra), 0, 0, 0, 0, _ALL32,
        )  # fmt: skip
        return fixed + name + extra

    def _ends(self) -> bytes:
        count = len(self._names)
        zip64 = pack(
            "<4sQHHIIQQQQ", b"PK\x06\x06", 44, _VERSION_ZIP64, _VERSION_ZIP64, 0, 0, count, count,
            self._end - self._directory, self._directory,
        )  # fmt: skip
        locator = pack("<4sIQI", b"PK\x06\x07", 0, self._end, 1)
        end = pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, min(count, _ALL16), min(count, _ALL16), _ALL32, _ALL32, 0)
        return zip64 + locator + end


def length_of(piece: Piece) -> int:
    """Return the piece's length in bytes."""
    return len(piece) if isinstance(piece, bytes) else piece.length
