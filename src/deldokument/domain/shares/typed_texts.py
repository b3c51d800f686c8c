"""Rules of texts that people type: allowed characters, names of documents and zips."""

import re
import unicodedata

from deldokument.domain.characters import is_blank
from deldokument.domain.errors import InvalidInput

LABEL_LENGTH = 100
FILE_NAME_LENGTH = 255
PATH_LENGTH = 1000
_NO_STEPS = frozenset({"", ".", ".."})
_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\|\\\\")
"""How an absolute path begins there; any other backslash is a character of the name."""
_FORBIDDEN_IN_NAMES = re.compile(r'[\\/:*?"<>|]')  # Windows refuses these in a name.
_ARCHIVE_NAME_LENGTH = 60
"""Characters. Some systems allow a name 255 bytes, and a character takes up to four."""


def check_text(text: str, longest: int, *, field: str, lines: bool = False) -> str:
    """Return the text without surrounding white space.

    Raises: InvalidInput if it is longer than ``longest`` characters, has control characters, or shows nothing.
    ``lines`` permits line breaks and tabs.
    """
    tidy = text.replace("\r\n", "\n").strip()
    if len(tidy) > longest:
        raise InvalidInput(field, "text_too_long", longest=longest, length=len(tidy))
    if any(_is_unwritable(c) and not (lines and c in "\n\t") for c in tidy):
        raise InvalidInput(field, "text_control_characters")
    if tidy and is_blank(tidy):
        raise InvalidInput(field, "text_blank")
    return tidy


def _is_unwritable(character: str) -> bool:
    """Return whether a character cannot be stored as text: a control character, or half of a surrogate pair.

    JSON can encode the latter, UTF-8 cannot.
    """
    return unicodedata.category(character) in {"Cc", "Cs"}


def check_file_name(name: str, *, field: str = "documents") -> str:
    """Return the last component of the file name that the browser sent: no path, no control characters.

    Raises: InvalidInput if the rest shows nothing, or is too long.
    """
    writable = "".join(c for c in name if not _is_unwritable(c)).strip()
    visible = writable.rsplit("/", 1)[-1].strip()
    if _WINDOWS_PATH.match(writable) or _WINDOWS_PATH.match(visible):
        visible = visible.rsplit("\\", 1)[-1].strip()
    if visible in {".", ".."} or is_blank(visible):
        raise InvalidInput(field, "file_name_missing")
    if len(visible) > FILE_NAME_LENGTH:
        raise InvalidInput(field, "file_name_too_long", longest=FILE_NAME_LENGTH)
    return visible


def check_document_name(name: str) -> str:
    """Return a document's name: a file name, or a relative path within the shared folder, with slashes.

    A path that is absolute, has a drive, or has an empty, «.» or «..» component is reduced to its last component. Paths
    are normalised (NFC), so that no folder appears twice. Raises: InvalidInput if nothing is left or it is too long.
    """
    parts = unicodedata.normalize("NFC", name).split("/")
    if len(parts) == 1 or _WINDOWS_PATH.match(name) or any(part.strip() in _NO_STEPS for part in parts):
        return check_file_name(name)
    # Normalise again: removing a character may have joined a letter and its accent.
    path = unicodedata.normalize("NFC", "/".join(check_file_name(part) for part in parts))
    if path[1:2] == ":":
        return path.rpartition("/")[2]
    if len(path) > PATH_LENGTH:
        raise InvalidInput("documents", "file_name_too_long", longest=PATH_LENGTH)
    return path


def archive_name(title: str) -> str:
    """Return the file name of a share's zip: the title, without characters that operating systems forbid in names."""
    tidy = " ".join(_FORBIDDEN_IN_NAMES.sub(" ", title).split()).strip(". ")[:_ARCHIVE_NAME_LENGTH].rstrip(". ")
    return f"{tidy or 'dokumenter'}.zip"
