"""The library: the texts in the package, a folder for each kind and a file for each version.

Promises that a text never changes with where the program runs. Deliberately does not know which version counts: that is
what the operator has published.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import deldokument
from deldokument.domain.agreement import AgreementKind, AgreementText, version_key
from deldokument.domain.errors import NotFound

TEXTS: Final = Path(deldokument.__file__).with_name("texts")


class PackageLibrary:
    """Satisfies `Library`."""

    def __init__(self, folder: Path = TEXTS) -> None:
        self._folder = folder

    def versions(self, kind: AgreementKind) -> tuple[str, ...]:
        """By the names of the files."""
        return tuple(sorted((path.stem for path in (self._folder / kind).glob("*.md")), key=version_key))

    def text(self, kind: AgreementKind, version: str) -> AgreementText:
        """Only versions that are listed lead to a file, whatever a name might say of its place."""
        if version not in self.versions(kind):
            raise NotFound("version")
        return AgreementText(kind, version, (self._folder / kind / f"{version}.md").read_text(encoding="utf-8"))
