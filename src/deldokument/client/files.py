"""What of this machine is shared: files, and folders with all that is in them.

Promises that a folder's files keep their way from it, that no two go by one name, and that nothing is shared that was
not named: a link inside a folder, which may lead anywhere, is refused rather than followed or passed over.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deldokument.client.errors import FileChanged, NotConfigured

_MEBI = 2**20


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file as it was when its sharing began; ``name`` is what its recipients see, its parts apart by slashes."""

    path: Path
    name: str
    length: int
    modified_ns: int

    @property
    def modified_at(self) -> int:
        """Milliseconds since 1970."""
        return self.modified_ns // 1_000_000

    def check_unchanged(self) -> None:
        """Raises FileChanged when length or time are other ones now."""
        try:
            now = self.path.stat()
        except OSError:
            raise FileChanged(f"{self.path} is not there any more") from None
        if (now.st_size, now.st_mtime_ns) != (self.length, self.modified_ns):
            raise FileChanged(f"{self.path} has changed while it was being shared")

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``stop``. Raises FileChanged when there are fewer."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(start)
                while start < stop:
                    piece = file.read(min(_MEBI, stop - start))
                    if not piece:
                        raise FileChanged(f"{self.path} has become shorter while it was being shared")
                    start += len(piece)
                    yield piece
        except OSError as error:
            raise FileChanged(f"{self.path} cannot be read any more: {error.strerror}") from None


def collect(paths: Iterable[Path]) -> list[LocalFile]:
    """The files at ``paths`` and in the folders among them, in the order of their names. Raises NotConfigured."""
    files: list[LocalFile] = []
    for path in paths:
        name = path.resolve().name
        try:
            files += _in_folder(path, name) if path.is_dir() else [_file(path, name)]
        except OSError as error:
            raise NotConfigured(f"{error.filename}: {error.strerror}") from None
    taken: dict[str, Path] = {}
    for file in files:
        if file.name in taken:
            raise NotConfigured(f"{taken[file.name]} and {file.path} would both be called {file.name}")
        taken[file.name] = file.path
    if not files:
        raise NotConfigured("there is no file to share")
    return files


def _in_folder(folder: Path, name: str) -> list[LocalFile]:
    found: list[LocalFile] = []
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            raise NotConfigured(f"{path} is a link: name what it leads to, or take it away")
        below = f"{name}/{path.name}"
        found += _in_folder(path, below) if path.is_dir() else [_file(path, below)]
    return found


def _file(path: Path, name: str) -> LocalFile:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise NotConfigured(f"{path} is not a file")
    if not os.access(path, os.R_OK):
        raise NotConfigured(f"{path} may not be read")
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise NotConfigured(f"{path} has a name that is no UTF-8: give it another")
    return LocalFile(path, unicodedata.normalize("NFC", name), facts.st_size, facts.st_mtime_ns)
