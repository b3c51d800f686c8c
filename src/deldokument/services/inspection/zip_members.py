"""Members of a zip, from its central directory, so that a scanner can examine them one by one.

Guarantees:
- The zip contains only members, their headers and the directory, so no other bytes go unexamined.
- Each local header agrees with the directory. Otherwise other programs could see other members.
- The number of members, the size of the directory and the unpacked size are bounded.
- Unpacked content has exactly the length and the checksum in the directory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from struct import Struct, unpack_from
from typing import Final

from deldokument.domain.shares.share import Verdict

MAX_MEMBERS: Final = 10_000
MAX_DIRECTORY: Final = 16 * 2**20
MAX_UNPACKED: Final = 20 * 10**9
MAX_RATIO: Final = 200
"""Most unpacked bytes for each byte of an archive."""
STEP: Final = 2**20
"""Most bytes that are unpacked at once."""

_END: Final = Struct("<4s4H2LH")
_LOCATOR: Final = Struct("<4sLQL")
_END_64: Final = Struct("<4sQ2H2L4Q")
_CENTRAL: Final = Struct("<4s4x2H4x3L3H8xL")
"""Signature, flags, method, checksum, two lengths, lengths of name, extra field and comment, and offset."""
_LOCAL: Final = Struct("<4s2x2H8x2L2H")
"""Signature, flags, method, two lengths, and the lengths of name and extra field."""
_LATER: Final = 0xFFFFFFFF
"""In place of a number that is in the extra field."""
_ENCRYPTED: Final = 0x0001 | 0x0040 | 0x2000
_DESCRIBED: Final = 0x0008
"""The lengths are in a descriptor after the content."""
_NO_GAP: Final = frozenset({0})
_DESCRIPTORS: Final = frozenset({12, 16, 20, 24})
"""Lengths of a descriptor, with or without a signature, and for zip64."""
_EXTRA_64: Final = 1
_DEFLATED: Final = 8
_METHODS: Final = frozenset({0, _DEFLATED})

Read = Callable[[int, int], bytes]
"""Returns the bytes [start, stop) of the zip."""


class UnexaminedError(Exception):
    """Error: a part of an archive cannot be examined, and why."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.value)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A member: the place of its packed content, its unpacked length and its checksum.

    ``unexamined`` says why it cannot be unpacked, if it cannot.
    """

    start: int
    stop: int
    length: int
    crc32: int | None = None
    is_deflated: bool = False
    unexamined: Verdict | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    flags: int
    method: int
    crc32: int
    packed: int
    length: int
    offset: int


def zip_members(read: Read, length: int) -> list[ArchiveMember]:
    """Return the members of a zip of ``length`` bytes. Raises: UnexaminedError."""
    count, start, stop = _directory_place(read, length)
    require(count <= MAX_MEMBERS and 0 <= start <= stop <= length and stop - start <= MAX_DIRECTORY)
    entries = sorted(_entries(read(start, stop)), key=lambda entry: entry.offset)
    unpacked_length = sum(entry.length for entry in entries)
    require(len(entries) == count and unpacked_length <= min(MAX_UNPACKED, MAX_RATIO * length))
    members, at, gaps = list[ArchiveMember](), 0, _NO_GAP
    for entry in entries:
        require(entry.offset - at in gaps)
        member = _member(read, entry)
        members.append(member)
        at, gaps = member.stop, _DESCRIPTORS if entry.flags & _DESCRIBED else _NO_GAP
    require(start - at in gaps)
    return members


def unpack(member: ArchiveMember, buffers: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the member's content, from its packed bytes. Raises: UnexaminedError if it does not match its header."""
    inflate, length, crc = zlib.decompressobj(-zlib.MAX_WBITS), 0, 0
    for buffer in buffers:
        for piece in _inflate(inflate, buffer) if member.is_deflated else (bytes(buffer),):
            length, crc = length + len(piece), zlib.crc32(piece, crc)
            if length > member.length:
                raise UnexaminedError(Verdict.UNREADABLE)
            yield piece
    is_whole = inflate.eof and not inflate.unused_data if member.is_deflated else True
    if not is_whole or length != member.length or member.crc32 not in (None, crc):
        raise UnexaminedError(Verdict.UNREADABLE)


def _inflate(inflate: zlib._Decompress, buffer: bytes | memoryview) -> Iterator[bytes]:
    left, is_full = bytes(buffer), True
    while left or is_full:
        try:
            piece = inflate.decompress(left, STEP)
        except zlib.error:
            raise UnexaminedError(Verdict.UNREADABLE) from None
        left, is_full = inflate.unconsumed_tail, len(piece) == STEP
        yield piece


def require(is_so: bool) -> None:
    """Raise UnexaminedError unless ``is_so``: the archive may contain other bytes, or be read in another way."""
    if not is_so:
        raise UnexaminedError(Verdict.ARCHIVE_LIMITS)


def _directory_place(read: Read, length: int) -> tuple[int, int, int]:
    """Return the number of members, and where the directory starts and stops.

    Raises: UnexaminedError, also for a comment.
    """
    at = length - _END.size
    require(at >= 0)
    signature, _, _, _, count, size, start, comment = _END.unpack(read(at, length))
    require(signature == b"PK\x05\x06" and comment == 0)
    if count == 0xFFFF or _LATER in (size, start):
        require(at >= _LOCATOR.size + _END_64.size)
        where = at - _LOCATOR.size
        signature, _, first, _ = _LOCATOR.unpack(read(where, at))
        require(signature == b"PK\x06\x07" and first == where - _END_64.size)
        signature, rest, _, _, _, _, _, count, size, start = _END_64.unpack(read(first, where))
        require(signature == b"PK\x06\x06" and rest == _END_64.size - 12)
        at = first
    require(start + size == at)
    return count, start, at


def _entries(directory: bytes) -> Iterator[_Entry]:
    at = 0
    while at < len(directory):
        require(len(directory) - at >= _CENTRAL.size)
        signature, flags, method, crc, packed, length, names, extras, comments, offset = _CENTRAL.unpack_from(
            directory, at
        )
        name_at = at + _CENTRAL.size
        extra_at = name_at + names
        at = extra_at + extras + comments
        require(signature == b"PK\x01\x02" and at <= len(directory))
        length, packed, offset = _full_numbers(directory[extra_at : extra_at + extras], length, packed, offset)
        yield _Entry(directory[name_at:extra_at], flags, method, crc, packed, length, offset)


def _full_numbers(extra: bytes, *numbers: int) -> Iterator[int]:
    """Yield numbers of the zip64 extra field, which replace those that do not fit into the header."""
    later, at = b"", 0
    while at + 4 <= len(extra):
        kind, size = unpack_from("<HH", extra, at)
        if kind == _EXTRA_64:
            later = extra[at + 4 : at + 4 + size]
        at += 4 + size
    for number in numbers:
        if number == _LATER:
            require(len(later) >= 8)
            yield int.from_bytes(later[:8], "little")
            later = later[8:]
        else:
            yield number


def _member(read: Read, entry: _Entry) -> ArchiveMember:
    """Return the member of a directory entry, after comparing it with the local header."""
    start = entry.offset + _LOCAL.size + len(entry.name)
    header = read(entry.offset, start)
    require(len(header) == _LOCAL.size + len(entry.name))
    signature, flags, method, packed, length, names, extras = _LOCAL.unpack_from(header)
    require(signature == b"PK\x03\x04" and (flags, method) == (entry.flags, entry.method))
    require(names == len(entry.name) and header[_LOCAL.size :] == entry.name)
    if not flags & _DESCRIBED:
        require(packed in (entry.packed, _LATER) and length in (entry.length, _LATER))
    unexamined = None if method in _METHODS else Verdict.UNREADABLE
    if flags & _ENCRYPTED:
        unexamined = Verdict.ENCRYPTED
    start += extras
    return ArchiveMember(start, start + entry.packed, entry.length, entry.crc32, method == _DEFLATED, unexamined)
