"""Media types of the formats that are built on zip or OLE, from the container's first bytes.

Guarantees:
- Every input has a result; none raises.
- Only the content types of an Office file are decompressed, 64 KiB of them. No bytes after the head are needed.
"""

import re
import zlib
from collections.abc import Iterator
from itertools import islice
from struct import Struct
from typing import Final

UNKNOWN: Final = "application/octet-stream"
ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_LOCAL_HEADER: Final = Struct("<6xHH8xI4xHH")
"""Flags, method, compressed size, and the lengths of the name and the extra field."""
_SIZE_COMES_LATER: Final = 0x0008
_DEFLATED: Final = 8
_MAX_ENTRIES: Final = 1000
_DECLARED: Final = re.compile(rb"application/(?:vnd\.oasis\.opendocument\.[a-z-]{1,40}|epub\+zip)")
_OOXML: Final = "application/vnd.openxmlformats-officedocument."
_OOXML_FOLDERS: Final = {
    b"word": _OOXML + "wordprocessingml.document",
    b"xl": _OOXML + "spreadsheetml.sheet",
    b"ppt": _OOXML + "presentationml.presentation",
}
_WITH_MACROS: Final = {
    f"ms-{kind}.macroenabled": f"application/vnd.ms-{kind}.macroenabled.12"
    for kind in (
        *("word.document", "word.template"),
        *("excel.sheet", "excel.sheet.binary", "excel.template", "excel.addin"),
        *("powerpoint.presentation", "powerpoint.template", "powerpoint.slideshow", "powerpoint.addin"),
    )
}
_OOXML_MAIN_TYPES: Final = {
    **_WITH_MACROS,
    "ms-word.template.macroenabledtemplate": _WITH_MACROS["ms-word.template.macroenabled"],
    **{
        f"openxmlformats-officedocument.{kind}": _OOXML + kind
        for kind in (
            *("wordprocessingml.document", "wordprocessingml.template"),
            *("spreadsheetml.sheet", "spreadsheetml.template"),
            *("presentationml.presentation", "presentationml.template", "presentationml.slideshow"),
        )
    },
}
"""The type of an Office file by that of its main part, between ``application/vnd.`` and ``.main``."""
_MAIN_TYPE: Final = re.compile(rb"""["']application/vnd\.([a-z.-]{1,80})\.main(?:\+xml)?["']""", re.IGNORECASE)
_OOXML_PARTS: Final = {
    b"xl/workbook.bin": _WITH_MACROS["ms-excel.sheet.binary.macroenabled"],
    b"word/vbaProject.bin": _WITH_MACROS["ms-word.document.macroenabled"],
    b"xl/vbaProject.bin": _WITH_MACROS["ms-excel.sheet.macroenabled"],
    b"ppt/vbaProject.bin": _WITH_MACROS["ms-powerpoint.presentation.macroenabled"],
}
"""The type by a part, if the declarations are not in the head."""
_CONTENT_TYPES: Final = b"[Content_Types].xml"
_MAX_CONTENT_TYPES: Final = 64 * 1024
_PACKAGE: Final = frozenset({_CONTENT_TYPES, b"_rels/.rels", b"docProps/app.xml", b"docProps/core.xml"})
_MAIN_PARTS: Final = frozenset({b"word/document.xml", b"xl/workbook.xml", b"xl/workbook.bin", b"ppt/presentation.xml"})

_OLE_HEADER: Final = Struct("<30xH16xI")
"""Sector size as a power of two, and the number of the directory's first sector."""
_OLE_ENTRY: Final = Struct("<64sHB13x16s32x")
"""A directory entry: name, its length with the closing NUL, kind and class id."""
_OLE_KINDS: Final = frozenset({1, 2, 5})
_MAX_STREAMS: Final = 64
_INSTALLER: Final = bytes.fromhex("84100c0000000000c000000000000046")
_OLE_STREAMS: Final = {
    "WordDocument": "application/msword",
    "Workbook": "application/vnd.ms-excel",
    "Book": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "__properties_version1.0": "application/vnd.ms-outlook",
}


def zip_type(head: bytes) -> str:
    """Return the type of an OOXML, OpenDocument or EPUB file, or ``application/zip``.

    Other Office packages have no known type: opening them with a zip program does not help the recipient.
    """
    names, office_type = set[bytes](), ""
    for name, content in islice(_zip_entries(head), _MAX_ENTRIES):
        if not names and name == b"mimetype" and (declared := _DECLARED.fullmatch(content)):
            return declared[0].decode()
        if name == _CONTENT_TYPES:
            office_type = _office_type(content)
        names.add(name)
    folder = next((name.partition(b"/")[0] for name in names if name.partition(b"/")[0] in _OOXML_FOLDERS), None)
    if folder and names & (_PACKAGE | _MAIN_PARTS):
        by_part = (media_type for part, media_type in _OOXML_PARTS.items() if part in names)
        return office_type or next(by_part, _OOXML_FOLDERS[folder])
    return UNKNOWN if _CONTENT_TYPES in names else "application/zip"


def _office_type(content_types: bytes) -> str:
    """Return the type that the main part declares; empty if there is none."""
    main_types = (found[1].decode().lower() for found in _MAIN_TYPE.finditer(content_types))
    return next((_OOXML_MAIN_TYPES[one] for one in main_types if one in _OOXML_MAIN_TYPES), "")


def _zip_entries(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each entry that begins in the head, and the part of its content that is in the head.

    The content stays compressed, except that of the content types.
    """
    at = 0
    while head.startswith(ZIP, at) and at + _LOCAL_HEADER.size <= len(head):
        flags, method, size, name_length, extra_length = _LOCAL_HEADER.unpack_from(head, at)
        name_at = at + _LOCAL_HEADER.size
        content_at = name_at + name_length + extra_length
        at = content_at + size
        if flags & _SIZE_COMES_LATER:
            at = head.find(ZIP, content_at)
            at = len(head) if at < 0 else at
        name, content = head[name_at : name_at + name_length], head[content_at:at]
        yield name, _decompress(content) if name == _CONTENT_TYPES and method == _DEFLATED else content


def _decompress(content: bytes) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, _MAX_CONTENT_TYPES)
    except zlib.error:
        return b""


def ole_type(head: bytes) -> str:
    """Return the type of an old Office format or an installer; unknown if the directory is not in the head."""
    if len(head) < _OLE_HEADER.size:
        return UNKNOWN
    shift, sector = _OLE_HEADER.unpack_from(head)
    if shift not in (9, 12):
        return UNKNOWN
    for name, class_id in islice(_ole_entries(head, (sector + 1) << shift), _MAX_STREAMS):
        if class_id == _INSTALLER:
            return "application/x-msi"
        if name in _OLE_STREAMS:
            return _OLE_STREAMS[name]
    return UNKNOWN


def _ole_entries(head: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and class id of the first directory entries.

    The directory's sectors are assumed to be consecutive, which is nearly always true.
    """
    while at + _OLE_ENTRY.size <= len(head):
        name, length, kind, class_id = _OLE_ENTRY.unpack_from(head, at)
        if kind not in _OLE_KINDS:
            return
        yield name[: max(length - 2, 0)].decode("utf-16-le", "replace"), class_id
        at += _OLE_ENTRY.size
