"""The press: a text as a page's HTML, as PDF with Typst, and as a document for Word with python-docx.

Promises that a text is words in all three. Typst gets it as data for a template that is fixed, so that none of it is
ever run. Promises the same bytes for the same paper. Deliberately does not know what the texts are about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

import typst
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from deldokument.adapters.markdown import columns, plain, reader, tokens_of, tree_of
from deldokument.adapters.word import write_word
from deldokument.domain.errors import Broken
from deldokument.services.papers import Paper

Tokens = Sequence[Token]

_TEMPLATE: Final = Path(__file__).with_name("press.typ")
_STANDARDS: Final[list[typst.PDFStandard]] = ["a-2a", "ua-1"]
_WIDE: Final = 6
"""A table of so many columns turns the paper on its side."""


class MarkdownPress:
    """Satisfies `DocumentPress`, for any number of threads."""

    def __init__(self) -> None:
        self._reader = reader()
        self._page = _PageRenderer()
        self._template = _TEMPLATE.read_bytes()
        self._fonts = typst.Fonts(include_system_fonts=False)

    def pdf(self, paper: Paper) -> bytes:
        """PDF/A-2a and PDF/UA-1 with the fonts in it. A letter that no font has is a box, and costs both marks."""
        nodes = tree_of(self._reader, paper.markdown)
        data = {
            "title": plain(paper.title),
            "version": plain(paper.version),
            "wide": columns(nodes) >= _WIDE,
            "nodes": [asdict(node) for node in nodes],
        }
        try:
            return self._pressed(data, paper, _STANDARDS)
        except typst.TypstError:
            # The standards forbid a letter that no font has. The name of a person or a body may hold one.
            return self._pressed_plainly(data, paper)

    def _pressed_plainly(self, data: Mapping[str, Any], paper: Paper) -> bytes:
        try:
            return self._pressed(data, paper, [])
        except typst.TypstError as error:
            raise Broken(f"press: {error}") from None

    def _pressed(self, data: Mapping[str, Any], paper: Paper, standards: list[typst.PDFStandard]) -> bytes:
        # One compiler for each paper: it lets no second thread in.
        compiler = typst.Compiler(self._template, font_paths=self._fonts)
        made_at = paper.made_at.replace(microsecond=0)
        pressed = compiler.compile(
            format="pdf", pdf_standards=standards, timestamp=made_at, sys_inputs={"paper": json.dumps(data)}
        )
        return cast("bytes", pressed)

    def docx(self, paper: Paper) -> bytes:
        """The same for Word."""
        nodes = tree_of(self._reader, paper.markdown)
        return write_word(nodes, paper, wide=columns(nodes) >= _WIDE)

    def html(self, markdown: str) -> str:
        """Plain elements with Designsystemet's classes; a table stands in a box that can be scrolled."""
        words = self._page.render(tokens_of(self._reader, markdown), self._reader.options, {})
        return f'<div class="paper" lang="nb">\n{words}</div>\n'


class _PageRenderer(RendererHTML):
    """Renders for a page that has a heading of its own above the text, and allows no style in an element."""

    def heading_open(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{_one_down(tokens[at].tag)}>"

    def heading_close(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{_one_down(tokens[at].tag)}>\n"

    def link_open(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        tokens[at].attrSet("class", "ds-link")
        return self.renderToken(tokens, at, options, env)

    def table_open(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="paper-table" role="group" aria-label="Tabell" tabindex="0">\n<table class="ds-table">\n'

    def table_close(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        return "</table>\n</div>\n"

    def th_open(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        tokens[at].attrSet("scope", "col")
        return self.td_open(tokens, at, options, env)

    def td_open(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        if style := tokens[at].attrs.pop("style", ""):
            tokens[at].attrSet("class", str(style).replace("text-align:", "to-"))
        return self.renderToken(tokens, at, options, env)


def _one_down(tag: str) -> str:
    return f"h{min(int(tag[1:]) + 1, 6)}"
