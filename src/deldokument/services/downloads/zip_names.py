"""Names of the entries of a zip: unique, and safe to unpack on any system.

Guarantees:
- No name leads out of its folder, names a device, or has a component of more than 255 bytes.
- Names differ even on file systems that fold case or normalise letters. No file has the path of a folder.
- The work is linear in the length of the names, even if thousands of them are equal or in deep folders.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)")
_MAX_LENGTH = 255
_MAX_SUFFIX_LENGTH = 32


def unpackable_names(names: Sequence[str]) -> Iterator[str]:
    """Yield names that can be unpacked on any system, with duplicates numbered: ``a.pdf``, ``a (2).pdf``.

    A slash separates folders, as in a document's name. A duplicate gets the first free number.
    """
    folders = {above: _folder(above) for above in {_split(name)[0] for name in names}}
    taken = _Taken(folders.values())
    for name in names:
        above, last = _split(name)
        yield taken.add(folders[above], _safe(last))


class _Taken:
    """The paths that an archive has so far, folded."""

    def __init__(self, folders: Iterable[str]) -> None:
        self._folders = sorted(map(_fold, folders))
        self._files: set[str] = set()
        self._next: dict[tuple[int, str], int] = {}
        """The lowest number not yet tried, for names that are equal when numbered with as many digits."""

    def add(self, folder: str, tidy: str) -> str:
        """Return the path of the file, with the first free number if its own name is taken."""
        path = folder + _add_number(tidy, 1)
        if self._take(path):
            return path
        first, after = 2, 10
        while True:
            # The key is the shortened name: long names that differ only at their end share one sequence of numbers.
            key = first, _fold(folder + _add_number(tidy, first))
            for count in range(self._next.get(key, first), after):
                self._next[key] = count + 1
                path = folder + _add_number(tidy, count)
                if self._take(path):
                    return path
            first, after = after, after * 10

    def _take(self, path: str) -> bool:
        folded = _fold(path)
        if folded in self._files or self._is_folder(folded):
            return False
        self._files.add(folded)
        return True

    def _is_folder(self, folded: str) -> bool:
        """Return whether a file is in the folder, at any depth. Folding never joins characters across a slash."""
        prefix = f"{folded}/"
        at = bisect_left(self._folders, prefix)
        return at < len(self._folders) and self._folders[at].startswith(prefix)


def _split(name: str) -> tuple[str, str]:
    """Return the folder, with the slash at its end, and the last component."""
    at = name.rfind("/") + 1
    return name[:at], name[at:]


def _folder(above: str) -> str:
    return "".join(f"{_add_number(_safe(part), 1)}/" for part in above.split("/")[:-1])


def _safe(part: str) -> str:
    """Return a path component that every file system accepts, except for its length."""
    tidy = _UNSAFE.sub("_", part).rstrip(". ") or "_"
    return f"_{tidy}" if _RESERVED.match(tidy) else tidy


def _add_number(name: str, count: int) -> str:
    """Return the name with its number before the suffix (none for the first), cut to the maximum length."""
    if count == 1 and len(name.encode()) <= _MAX_LENGTH:
        return name
    suffix = PurePosixPath(name).suffix
    suffix = suffix if len(suffix.encode()) <= _MAX_SUFFIX_LENGTH else ""
    tail = f" ({count}){suffix}" if count > 1 else suffix
    stem = name.removesuffix(suffix).encode()[: _MAX_LENGTH - len(tail.encode())]
    return (stem.decode(errors="ignore") + tail).rstrip(". ")


def _fold(name: str) -> str:
    """Return a key that is equal for names that a file system may treat as the same.

    Source: Unicode, 3.13, canonical caseless matching.
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
