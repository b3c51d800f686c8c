"""Received documents as files: a growing part file, then a file whose name replaces no other file.

    name.<first letters of the id>.part ── complete, checksum matches ──> name, or name (2), …

Guarantees:
- No name leads out of the folder, is a device, or has a character that a system cannot store.
- A file gets its name when it is complete and its checksum matches. No other file is replaced.
- A part stays after an interruption, and is used again for the same document only.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final

from deldokument.client.errors import NotConfigured, Unreachable
from deldokument.client.offers import OfferedDocument

_UNSAFE: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)")
_MAX_NAME: Final = 255
_ID_LETTERS: Final = 8


def target_of(folder: Path, name: str) -> Path:
    """Return the document's path below the folder. Its name must be safe, as the service makes it.

    Raises: Unreachable for an unsafe name; NotConfigured if a symlink leads out of the folder.
    """
    parts = name.split("/")
    if any(not _is_safe(part) for part in parts):
        raise Unreachable("invalid response: a document's name is not safe here")
    target = folder.joinpath(*parts)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise NotConfigured(f"{target.parent} leads out of {folder}")
    return target


def _is_safe(part: str) -> bool:
    is_whole = part != "" and part == part.rstrip(". ") and len(part.encode()) <= _MAX_NAME
    return is_whole and not _UNSAFE.search(part) and not _RESERVED.match(part)


def already_here(target: Path, document: OfferedDocument) -> Path | None:
    """Return the file with exactly the document's content, if an earlier call has written one."""
    for candidate in _number_names(target):
        if not candidate.exists():
            return None
        if (
            candidate.is_file()
            and candidate.stat().st_size == document.length
            and _sha256(candidate) == document.sha256
        ):
            return candidate
    raise AssertionError  # pragma: no cover - the names have no end


class PartFile:
    """The part file of one document: its bytes so far."""

    def __init__(self, target: Path, document: OfferedDocument) -> None:
        self._target = target
        self._path = target.with_name(f"{_cut(target.name, 200)}.{document.id[:_ID_LETTERS]}.part")
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("ab")
        with self._path.open("rb") as begun:
            self._digest = hashlib.file_digest(begun, "sha256")
            self.length = begun.tell()

    def write(self, piece: bytes) -> None:
        """Append bytes to the part."""
        self._file.write(piece)
        self._digest.update(piece)
        self.length += len(piece)

    def restart(self) -> None:
        """Begin again with an empty part."""
        self._file.truncate(0)
        self._digest, self.length = hashlib.sha256(), 0

    def is_exactly(self, document: OfferedDocument) -> bool:
        """Return whether length and checksum match those that the service states."""
        return self.length == document.length and self._digest.hexdigest() == document.sha256

    def close(self) -> None:
        """Close the part; a later call continues it."""
        self._file.close()

    def discard(self) -> None:
        """Delete the part."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def keep(self) -> Path:
        """Give the complete file its final name, durably; return the path."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        for candidate in _number_names(self._target):
            try:
                # An empty file reserves the name. Only this file is replaced later, never another program's.
                candidate.open("xb").close()
            except FileExistsError:
                continue
            self._path.replace(candidate)
            return candidate
        raise AssertionError  # pragma: no cover - the names have no end


@contextmanager
def file_errors() -> Iterator[None]:
    """Raise NotConfigured for an error of the file system."""
    try:
        yield
    except OSError as error:
        raise NotConfigured(f"{error.filename or 'file'}: {error.strerror}") from None


def _number_names(target: Path) -> Iterator[Path]:
    yield target
    for number in count(2):
        tail = f" ({number}){target.suffix}"
        yield target.with_name(_cut(target.stem, _MAX_NAME - len(tail.encode())) + tail)


def _cut(name: str, length: int) -> str:
    return name.encode()[:length].decode(errors="ignore")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
