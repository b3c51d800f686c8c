"""A text's tree as PDF, by Typst. `renderer` imports this module on first use."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final, cast

import typst

from deldokument.adapters.documents.markdown import Node, plain
from deldokument.domain.errors import Broken
from deldokument.ports.documents import RenderedDocument

_TEMPLATE: Final = Path(__file__).with_name("typeset.typ").read_bytes()
_FONTS: Final = typst.Fonts(include_system_fonts=False)
_STANDARDS: Final[list[typst.PDFStandard]] = ["a-2a", "ua-1"]
_NO_TIME: Final = datetime(1980, 1, 1, tzinfo=UTC)


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
    fault: BaseException | None = None
    text = json.dumps(data, ensure_ascii=False)
    # The standards forbid a character that no font has, such as one in a file's name. They also forbid a letter with a
    # mark if no font has the combination.
    for is_shown in (_is_any, _is_in_fonts, _is_latin):
        try:
            return _compile_pdf(_with_numbers(text, is_shown), paper.made_at)
        except BaseException as error:
            # Typst panics at a joiner after such a mark. That is no `Exception`, and PyO3 exports no class for it.
            if not isinstance(error, typst.TypstError) and type(error).__name__ != "PanicException":
                raise
            fault = error
    raise Broken(f"press: {fault}")


def _with_numbers(text: str, is_shown: Callable[[str], bool]) -> str:
    """Return the text with Unicode numbers, like «[U+65E5 U+672C]», for characters that no font shows."""
    runs = ((shown, "".join(run)) for shown, run in groupby(text, is_shown))
    return "".join(run if shown else f"[{' '.join(f'U+{ord(c):04X}' for c in run)}]" for shown, run in runs)


def _is_any(_character: str) -> bool:
    return True


def _is_latin(character: str) -> bool:
    return character <= "~" or "\N{NO-BREAK SPACE}" <= character <= "\N{LATIN SMALL LETTER LONG S}"


def _is_in_fonts(character: str) -> bool:
    return _is_latin(character) or _has_glyph(character)


@lru_cache(maxsize=10_000)
def _has_glyph(character: str) -> bool:
    """Return whether a font has the character: a PDF with it in the title then conforms to the standards."""
    data = {"title": f"a{character}", "version": "", "language": "nb", "dense": False, "wide": False, "nodes": []}
    try:
        return bool(_compile_pdf(json.dumps(data), _NO_TIME))
    except typst.TypstError:
        return False


def _compile_pdf(text: str, created_at: datetime) -> bytes:
    # One compiler per document, because a compiler is not thread-safe.
    compiler = typst.Compiler(_TEMPLATE, font_paths=_FONTS)
    pressed = compiler.compile(
        format="pdf",
        pdf_standards=_STANDARDS,
        timestamp=created_at.replace(microsecond=0),
        sys_inputs={"paper": text},
    )
    return cast("bytes", pressed)
