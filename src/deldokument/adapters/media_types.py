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

UNKNOWN: Final = "application/octet-stream"
TEXT: Final = "text/plain"

_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# Formats that many others are built on: the answer is the container.
_CONTAINERS: Final = (
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)


class _Match(NamedTuple):
    length: int
    media_type: str


class PuremagicMediaTypes:
    """Satisfies `MediaTypes`."""

    def guess(self, head: bytes) -> str:
        """The media type, in lower case without parameters. Never raises."""
        text = _is_text(head)
        matches = _matches(head)
        for signature, media_type in _CONTAINERS:
            if head.startswith(signature):
                return media_type
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
    known = [match for match in found if match.length >= 2 and _MEDIA_TYPE.fullmatch(match.media_type)]
    return sorted(known, key=lambda match: -match.length)


def _is_text(head: bytes) -> bool:
    """Valid UTF-8 without control characters; the last character may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and not _CONTROL.search(text)
