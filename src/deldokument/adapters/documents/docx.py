"""A text as a document for Word and LibreOffice: the parts in `docx_parts`, filled by Jinja.

Guarantees:
- Headings, lists and tables are native, so a document can be navigated and filled in.
- The text is data: Jinja escapes it, and it never becomes a template.
- The same text gives the same bytes.

Its input is Markdown's tree, not Markdown. python-docx was rejected: it has no calls for links, restarted lists, page
numbers, repeated table heads or languages.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deldokument.adapters.documents.markdown import Node, plain
from deldokument.ports.documents import RenderedDocument

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("docx_parts")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_MEMBERS: Final = (
    "[Content_Types].xml",
    "_rels/.rels",
    "docProps/core.xml",
    "word/document.xml",
    # After the document, which adds its lists and links.
    "word/numbering.xml",
    "word/_rels/document.xml.rels",
    "word/styles.xml",
    "word/settings.xml",
    "word/header1.xml",
    "word/footer1.xml",
)
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Page:
    """An A4 page; lengths are in twentieths of a point, as in the format."""

    width: int
    height: int
    margin: int

    @property
    def text_width(self) -> int:
        """The width between the margins."""
        return self.width - 2 * self.margin

    def divide_width(self, widths: Sequence[float]) -> list[int]:
        """Return the text width, divided among columns in proportion to ``widths``."""
        return [int(self.text_width * width / sum(widths)) for width in widths]


_PORTRAIT: Final = _Page(11906, 16838, 1474)
_LANDSCAPE: Final = _Page(16838, 11906, 1134)


@dataclass(frozen=True, slots=True)
class _Lists:
    """Numbered lists in their order: depth and first number.

    Each has its own numbering.
    """

    numbered: list[tuple[int, int]] = field(default_factory=list)

    def add(self, depth: int, start: int) -> int:
        """Return the number of a new list in `numbering.xml`."""
        self.numbered.append((depth, start))
        # Six definitions precede it: bullets and numbers at three depths.
        return 6 + len(self.numbered)


@dataclass(frozen=True, slots=True)
class _Links:
    """Targets of links in their order."""

    targets: list[str] = field(default_factory=list)

    def add(self, target: str) -> str:
        """Return the identifier of a new link in `document.xml.rels`."""
        self.targets.append(target)
        return f"link{len(self.targets)}"


def write_word(nodes: Sequence[Node], paper: RenderedDocument, *, wide: bool) -> bytes:
    """Return the document; ``wide`` selects landscape pages."""
    values = {
        "nodes": nodes,
        "title": plain(paper.title),
        "version": plain(paper.version),
        "made_at": f"{paper.made_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "page": _LANDSCAPE if wide else _PORTRAIT,
        "lists": _Lists(),
        "links": _Links(),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as document:
        for name in _MEMBERS:
            content = _TEMPLATES.get_template(name).render(values)
            document.writestr(zipfile.ZipInfo(name, _NO_TIME), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
