"""Local files to share, and folders with their contents.

Guarantees:
- Files of a folder keep their relative paths.
- No two files have the same name.
- Only named files and folders are shared: a symlink inside a folder is rejected, neither followed nor skipped.
"""

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
    """A file as it was when its sharing began.

    ``name`` is shown to recipients: a relative path, separated by slashes. ``length`` is in bytes, ``modified_ns`` in
    nanoseconds since 1970.
    """

    path: Path
    name: str
    length: int
    modified_ns: int

    @property
    def modified_at(self) -> int:
        """Time of the last change, in milliseconds since 1970."""
        return self.modified_ns // 1_000_000

    def check_unchanged(self) -> None:
        """Raise FileChanged if the length or the time has changed, or the file is gone."""
        try:
            now = self.path.stat()
        except OSError:
            raise FileChanged(f"{self.path} no longer exists") from None
        if (now.st_size, now.st_mtime_ns) != (self.length, self.modified_ns):
            raise FileChanged(f"{self.path} has changed while it was being shared")

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from ``start`` to ``stop``. Raises: FileChanged if there are fewer, or reading fails."""
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(start)
                while start < stop:
                    piece = file.read(min(_MEBI, stop - start))
                    if not piece:
                        raise FileChanged(f"{self.path} became shorter while it was being shared")
                    start += len(piece)
                    yield piece
        except OSError as error:
            raise FileChanged(f"{self.path} cannot be read: {error.strerror}") from None


def collect(paths: Iterable[Path]) -> list[LocalFile]:
    """Return the files at ``paths`` in their order; those of a folder sorted by name.

    Raises: NotConfigured if there is no file, one cannot be shared, or two would have the same name.
    """
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
            raise NotConfigured(f"{path} is a link: name its target instead, or remove it")
        below = f"{name}/{path.name}"
        found += _in_folder(path, below) if path.is_dir() else [_file(path, below)]
    return found


def _file(path: Path, name: str) -> LocalFile:
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise NotConfigured(f"{path} is not a file")
    if not os.access(path, os.R_OK):
        raise NotConfigured(f"{path} cannot be read: no permission")
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        raise NotConfigured(f"{path} has a name that is not UTF-8: rename it")
    return LocalFile(path, unicodedata.normalize("NFC", name), facts.st_size, facts.st_mtime_ns)
