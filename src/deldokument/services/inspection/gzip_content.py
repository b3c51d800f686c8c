"""Unpacked content of a gzip, read in order, so that a scanner can examine it and a tar in it.

Guarantees:
- The gzip contains only members and their content: header fields other than a name are refused.
- Checksum and length of each member are verified.
- The number of members, including empty ones, is bounded, because each costs time.
- The unpacked size is bounded, also by a ratio to the packed one, and at most one step is in memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from deldokument.domain.shares.share import Verdict
from deldokument.services.inspection.zip_members import (
    MAX_MEMBERS,
    MAX_RATIO,
    MAX_UNPACKED,
    STEP,
    UnexaminedError,
    require,
)

GZIP: Final = b"\x1f\x8b\x08"
_HAS_NAME: Final = 0x08
_HEADER_LENGTH: Final = 10
_MAX_HEADER: Final = _HEADER_LENGTH + 1024
_WITH_GZIP_HEADER: Final = zlib.MAX_WBITS | 16

Stream = Callable[[int, int], Iterable[bytes | memoryview]]
"""Yields the bytes [start, stop) of the gzip."""


class GzipContent:
    """The unpacked content of a gzip of ``packed`` bytes. Reading backwards unpacks it again from the start.

    Raises: UnexaminedError, from its methods too.
    """

    def __init__(self, stream: Stream, packed: int) -> None:
        self._source, self._packed = stream, packed
        self._restart()
        self.length = sum(map(len, self._pieces))
        self._restart()

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes [start, stop); less at the end of the content."""
        return b"".join(self.stream(start, stop))

    def stream(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield bytes [start, stop); less at the end of the content."""
        if start < self._at:
            self._restart()
        while self._at < start and self._take(start - self._at):
            continue
        while self._at < stop and (piece := self._take(stop - self._at)):
            yield piece

    def _restart(self) -> None:
        self._pieces = _gunzip(self._source(0, self._packed), self._packed)
        self._left, self._at = b"", 0

    def _take(self, most: int) -> bytes:
        self._left = self._left or next(self._pieces, b"")
        piece, self._left = self._left[:most], self._left[most:]
        self._at += len(piece)
        return piece


def _gunzip(buffers: Iterable[bytes | memoryview], packed: int) -> Iterator[bytes]:
    """Yield the content of all members of the gzip, in pieces that are not empty."""
    source, rest, total, members = map(bytes, buffers), b"", 0, 0
    while rest := _fill(rest, source):
        members += 1
        require(members <= MAX_MEMBERS)
        _check_header(rest)
        inflate = zlib.decompressobj(_WITH_GZIP_HEADER)
        while not inflate.eof:
            piece, rest = _inflate(inflate, rest), inflate.unconsumed_tail
            if piece:
                total += len(piece)
                require(total <= min(MAX_UNPACKED, MAX_RATIO * packed))
                yield piece
            elif not rest and not inflate.eof:
                rest = _next_buffer(source)
        rest = inflate.unused_data


def _inflate(inflate: zlib._Decompress, buffer: bytes) -> bytes:
    try:
        return inflate.decompress(buffer, STEP)
    except zlib.error:
        raise UnexaminedError(Verdict.UNREADABLE) from None


def _next_buffer(source: Iterator[bytes]) -> bytes:
    buffer = next(source, b"")
    if not buffer:
        raise UnexaminedError(Verdict.UNREADABLE)
    return buffer


def _fill(rest: bytes, source: Iterator[bytes]) -> bytes:
    """Return the rest of a buffer, joined with further buffers until it can hold a header."""
    while len(rest) < _MAX_HEADER and (buffer := next(source, b"")):
        rest += buffer
    return rest


def _check_header(head: bytes) -> None:
    """Check that a header contains nothing but a short file name."""
    require(len(head) >= _HEADER_LENGTH and head.startswith(GZIP) and head[3] in (0, _HAS_NAME))
    require(head[3] == 0 or b"\0" in head[_HEADER_LENGTH:_MAX_HEADER])
