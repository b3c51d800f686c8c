"""A zip of things that are made while it is sent.

Promises constant memory, and that a zip whose making fails has no end, so that nobody takes it for whole.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

_PIECE = 64 * 1024
Entry = tuple[str, Iterable[bytes]]
"""A name in the zip, and its content in pieces."""


class _Outlet(io.RawIOBase):
    """Where the zip is written: handed on as it grows. It has no place to go back to, which the format allows for."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        written = bytes(memoryview(data))  # type: ignore[arg-type]
        self._waiting += written
        return len(written)

    def taken(self, least: int) -> bytes:
        """What waits, when that is at least so much."""
        if len(self._waiting) < least:
            return b""
        out = bytes(self._waiting)
        self._waiting.clear()
        return out


def zip_pieces(entries: Iterable[Entry], at: datetime) -> Iterator[bytes]:
    """The zip, compressed, its entries dated ``at`` in the zone that it has."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name, at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as entry:
                for piece in content:
                    entry.write(piece)
                    if out := outlet.taken(_PIECE):
                        yield out
    yield outlet.taken(0)
