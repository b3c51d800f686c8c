"""A text's tree as PDF, by Typst. `renderer` imports this module on first use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

import typst

from deldokument.adapters.documents.markdown import Node, plain
from deldokument.domain.errors import Broken
from deldokument.ports.documents import RenderedDocument

_TEMPLATE: Final = Path(__file__).with_name("typeset.typ").read_bytes()
_FONTS: Final = typst.Fonts(include_system_fonts=False)
_STANDARDS: Final[list[typst.PDFStandard]] = ["a-2a", "ua-1"]


def typeset(nodes: Sequence[Node], paper: RenderedDocument, *, wide: bool) -> bytes:
    """Return the PDF; ``wide`` selects landscape pages.

    Raises: Broken.
    """
    data = {
        "title": plain(paper.title),
        "version": plain(paper.version),
        "language": paper.language,
        "dense": paper.is_dense,
        "wide": wide,
        "nodes": [asdict(node) for node in nodes],
    }
    try:
        return _compiled(data, paper, _STANDARDS)
    except typst.TypstError:
        # The standards forbid characters that no font has. The name of a person or an organisation may contain
        # one.
        return _plainly(data, paper)


def _plainly(data: Mapping[str, Any], paper: RenderedDocument) -> bytes:
    try:
        return _compiled(data, paper, [])
    except typst.TypstError as error:
        raise Broken(f"press: {error}") from None


def _compiled(data: Mapping[str, Any], paper: RenderedDocument, standards: list[typst.PDFStandard]) -> bytes:
    # One compiler per document: a compiler does not admit a second thread.
    compiler = typst.Compiler(_TEMPLATE, font_paths=_FONTS)
    made_at = paper.made_at.replace(microsecond=0)
    pressed = compiler.compile(
        format="pdf", pdf_standards=standards, timestamp=made_at, sys_inputs={"paper": json.dumps(data)}
    )
    return cast("bytes", pressed)
