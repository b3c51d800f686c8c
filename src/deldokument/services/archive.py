"""One zip of all documents of a share, laid out before a byte of it is read.

Promises a deterministic archive (same documents, same bytes) with exact length, so that HEAD, ETag and any Range work
on it as on a single document; entries are stored, not compressed, with ZIP64 records throughout; and names that are
safe to unpack anywhere: no way out of their folder, no device names, no component of more than 255 bytes, unique also
where case is folded or letters are composed.
Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14-16 (ends), 4.5.3
(ZIP64 extra field); general purpose bit 11 (UTF-8 names).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from struct import pack

_VERSION_ZIP64 = 45
_UTF8 = 0x0800
_STORED = 0
_DATE_1980 = 0x21
_ALL32 = 0xFFFFFFFF
_ALL16 = 0xFFFF
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)")
_LONGEST = 255
_LONGEST_SUFFIX = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """What goes into the archive: the document's id, its name as shared, length in bytes, CRC-32 of its bytes."""

    document_id: str
    name: str
    length: int
    crc32: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes of a document that stand in the archive."""

    document_id: str
    length: int


Piece = bytes | Slice


def lay_out(entries: Sequence[Entry]) -> list[Piece]:
    """The archive as literal bytes and whole documents, in order; the sum of their lengths is its length."""
    pieces: list[Piece] = []
    central: list[bytes] = []
    offset = 0
    for entry, name in zip(entries, unpackable_names(entry.name for entry in entries), strict=True):
        encoded = name.encode()
        header = _local_header(entry, encoded)
        central.append(_central_header(entry, encoded, offset))
        pieces += [header, Slice(entry.document_id, entry.length)] if entry.length else [header]
        offset += len(header) + entry.length
    directory = b"".join(central)
    pieces.append(directory + _ends(len(entries), len(directory), offset))
    return pieces


def unpackable_names(names: Iterable[str]) -> list[str]:
    """The names as they can be unpacked on any system, doublets numbered: ``a.pdf``, ``a (2).pdf``.

    A slash is a folder's, as in a document's name (see share); a file never stands where another name has a folder.
    """
    paths = [[_safe(part) for part in name.split("/")] for name in names]
    folders = {_folded(_folder(path[:depth])) for path in paths for depth in range(1, len(path))}
    taken: set[str] = set()
    counts: dict[str, int] = {}
    safe = []
    for *above, tidy in paths:
        folder = _folder(above)
        key = _folded(folder + tidy)
        count = counts.get(key, 1)
        while (folded := _folded(unique := folder + _numbered(tidy, count))) in taken or f"{folded}/" in folders:
            count += 1
        counts[key] = count
        taken.add(folded)
        safe.append(unique)
    return safe


def _folder(parts: Iterable[str]) -> str:
    return "".join(f"{_numbered(part, 1)}/" for part in parts)


def _safe(part: str) -> str:
    """One component that every file system takes, but for its length."""
    tidy = _UNSAFE.sub("_", part).rstrip(". ") or "_"
    return f"_{tidy}" if _RESERVED.match(tidy) else tidy


def _numbered(name: str, count: int) -> str:
    """The name with its number before the suffix (none for the first), cut to what file systems take."""
    suffix = PurePosixPath(name).suffix
    suffix = suffix if len(suffix.encode()) <= _LONGEST_SUFFIX else ""
    tail = f" ({count}){suffix}" if count > 1 else suffix
    stem = name.removesuffix(suffix).encode()[: _LONGEST - len(tail.encode())]
    return (stem.decode(errors="ignore") + tail).rstrip(". ")


def _folded(name: str) -> str:
    """Equal for names that a file system may take for the same (Unicode, 3.13, canonical caseless matching)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _local_header(entry: Entry, name: bytes) -> bytes:
    extra = pack("<HHQQ", 1, 16, entry.length, entry.length)
    fixed = pack(
        "<4sHHHHHIIIHH", b"PK\x03\x04", _VERSION_ZIP64, _UTF8, _STORED, 0, _DATE_1980, entry.crc32, _ALL32, _ALL32,
        len(name), len(extra),
    )  # fmt: skip
    return fixed + name + extra


def _central_header(entry: Entry, name: bytes, offset: int) -> bytes:
    extra = pack("<HHQQQ", 1, 24, entry.length, entry.length, offset)
    fixed = pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", _VERSION_ZIP64, _VERSION_ZIP64, _UTF8, _STORED, 0, _DATE_1980,
        entry.crc32, _ALL32, _ALL32, len(name), len(extra), 0, 0, 0, 0, _ALL32,
    )  # fmt: skip
    return fixed + name + extra


def _ends(count: int, directory_length: int, directory_offset: int) -> bytes:
    zip64 = pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, _VERSION_ZIP64, _VERSION_ZIP64, 0, 0, count, count,
        directory_length, directory_offset,
    )  # fmt: skip
    locator = pack("<4sIQI", b"PK\x06\x07", 0, directory_offset + directory_length, 1)
    end = pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, min(count, _ALL16), min(count, _ALL16), _ALL32, _ALL32, 0)
    return zip64 + locator + end
