"""Zip archive that is sent while its entries are produced.

Guarantees:
- Memory is constant.
- If producing an entry fails, the zip has no end, so nobody takes it as complete.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

_PIECE = 64 * 1024
Entry = tuple[str, Iterable[bytes]]
"""Name in the zip, and its content in pieces."""


class _Outlet(io.RawIOBase):
    """Output buffer of the zip writer, emptied as it grows. It cannot seek, which the format allows."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        written = bytes(memoryview(data))  # type: ignore[arg-type]
        self._waiting += written
        return len(written)

    def take(self, least: int) -> bytes:
        """Return and clear the waiting bytes, if there are at least ``least``; empty otherwise."""
        if len(self._waiting) < least:
            return b""
        out = bytes(self._waiting)
        self._waiting.clear()
        return out


def zip_pieces(entries: Iterable[Entry], at: datetime) -> Iterator[bytes]:
    """Yield the compressed zip, with its entries dated ``at`` in that time's zone."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name, at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as entry:
                for piece in content:
                    entry.write(piece)
                    if out := outlet.take(_PIECE):
                        yield out
    yield outlet.take(0)
