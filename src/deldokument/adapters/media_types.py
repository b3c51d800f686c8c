"""Media types told by content, with puremagic's table of signatures.

Promises an answer for any bytes, told by the bytes alone, and that no file is opened. Deliberately does not know what
is done with the answer; whether a type is safe to show is for those who show it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from puremagic import magic_string

from deldokument.adapters.containers import OLE, UNKNOWN, ZIP, ole_type, zip_type

TEXT: Final = "text/plain"

_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# A PDF may have white space or a byte order mark before its first line; readers open it all the same.
_PDF: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,1024}%PDF-")
_TEST_FILE: Final = "text/ascii"
"""The library's table has a file of its own tests in it, that begins with the ten digits."""


class _Match(NamedTuple):
    length: int
    media_type: str


class PuremagicMediaTypes:
    """Satisfies `MediaTypes`."""

    def guess(self, head: bytes) -> str:
        """The media type, in lower case without parameters. Never raises."""
        if head.startswith(ZIP):
            return zip_type(head)
        if head.startswith(OLE):
            return ole_type(head)
        if _PDF.match(head):
            return "application/pdf"
        text, matches = _is_text(head), _matches(head)
        # Three bytes are too little to call readable text something else: «BMW», «FORM».
        enough = 5 if text else 3
        if matches and matches[0].length >= enough:
            return matches[0].media_type
        return TEXT if text else UNKNOWN


def _matches(head: bytes) -> Sequence[_Match]:
    """Formats whose signature of two bytes or more the content bears, longest first.

    Without a name: given one, the library opens what it names, and falls back on it alone.
    """
    try:
        found = [_Match(len(m.byte_match), m.mime_type.lower()) for m in magic_string(head)]
    except Exception:  # a table of others, over bytes of strangers: an unknown type is always a right answer
        return ()
    known = [m for m in found if m.length >= 2 and _MEDIA_TYPE.fullmatch(m.media_type) and m.media_type != _TEST_FILE]
    return sorted(known, key=lambda match: -match.length)


def _is_text(head: bytes) -> bool:
    """Valid UTF-8 without control characters; the last character may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and not _CONTROL.search(text)
