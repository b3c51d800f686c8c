"""Media types detected by content, with puremagic's table of signatures.

Guarantees:
- Any bytes have a result, which depends on nothing but the bytes.
- No file is opened.

Does not decide whether a type is safe to display.
"""

import codecs
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from puremagic import magic_string

from deldokument.adapters.containers import OLE, UNKNOWN, ZIP, ole_type, zip_type

TEXT: Final = "text/plain"

_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# A PDF may have white space or a byte order mark before its first line; viewers accept it.
_PDF: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,1024}%PDF-")
_IGNORED: Final = frozenset({"text/ascii", "audio/vnd.audiokoz"})
"""puremagic's own test file, which begins with the ten digits, and ring tones that begin as most MP3 files do."""


class _Match(NamedTuple):
    length: int
    media_type: str


class PuremagicMediaTypes:
    """The port `MediaTypes` on puremagic."""

    def guess(self, head: bytes) -> str:
        """Return the media type, in lower case and without parameters. Never raises."""
        if head.startswith(ZIP):
            return zip_type(head)
        if head.startswith(OLE):
            return ole_type(head)
        if _PDF.match(head):
            return "application/pdf"
        text, matches = _is_text(head), _matches(head)
        # Three bytes are not enough to classify readable text as something else: «BMW», «FORM».
        enough = 5 if text else 3
        if matches and matches[0].length >= enough:
            return matches[0].media_type
        return TEXT if text else UNKNOWN


def _matches(head: bytes) -> Sequence[_Match]:
    """Return the formats whose signature of at least two bytes the content matches, longest first.

    No file name is passed, because the library would open that file, or guess by the name alone.
    """
    try:
        found = [_Match(len(m.byte_match), m.mime_type.lower()) for m in magic_string(head)]
    except Exception:  # third-party table, untrusted bytes: "unknown" is always a valid result
        return ()
    known = [m for m in found if m.length >= 2 and _MEDIA_TYPE.fullmatch(m.media_type) and m.media_type not in _IGNORED]
    return sorted(known, key=lambda match: -match.length)


def _is_text(head: bytes) -> bool:
    """Return whether the bytes are UTF-8 without control characters; the last character may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(text) and not _CONTROL.search(text)
