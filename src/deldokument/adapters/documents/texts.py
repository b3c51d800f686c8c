"""Catalog of the texts in the package: a folder for each kind and a file for each version.

Guarantees:
- A text is the same wherever the program runs.

Does not know which version is in force: that is the one that the operator has published last.
"""

from pathlib import Path
from typing import Final

import deldokument
from deldokument.domain.errors import NotFound
from deldokument.domain.tenants.agreement import AgreementKind, AgreementText, version_key

TEXTS: Final = Path(deldokument.__file__).with_name("texts")


class PackageLibrary:
    """The port `TextCatalog`."""

    def __init__(self, folder: Path = TEXTS) -> None:
        self._folder = folder

    def versions(self, kind: AgreementKind) -> tuple[str, ...]:
        """Return the versions, from the names of the files."""
        return tuple(sorted((path.stem for path in (self._folder / kind).glob("*.md")), key=version_key))

    def text(self, kind: AgreementKind, version: str) -> AgreementText:
        """Return a text. Only listed versions lead to a file, so a version cannot name another path."""
        if version not in self.versions(kind):
            raise NotFound("version")
        return AgreementText(kind, version, (self._folder / kind / f"{version}.md").read_text(encoding="utf-8"))
