"""The press: a text as a page's HTML, as PDF with Typst, and as a document for Word from templates.

Promises that a text is words in all three. Typst and Jinja get it as data for templates that are fixed, so that none of
it is ever run. Promises the same bytes for the same paper. Deliberately does not know what the texts are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from deldokument.adapters.documents.docx import write_word
from deldokument.adapters.documents.markdown import columns, reader, tokens_of, tree_of
from deldokument.ports.documents import RenderedDocument

Tokens = Sequence[Token]

_WIDE: Final = 6
"""A table of so many columns turns the paper on its side."""


class MarkdownRenderer:
    """Satisfies `DocumentPress`, for any number of threads."""

    def __init__(self) -> None:
        self._reader = reader()
        self._page = _PageRenderer()

    def pdf(self, paper: RenderedDocument) -> bytes:
        """PDF/A-2a and PDF/UA-1 with the fonts in it. A letter that no font has is a box, and costs both marks."""
        # Typst weighs twenty megabytes, which a process that prints nothing should not carry.
        from deldokument.adapters.documents.pdf import typeset

        nodes = tree_of(self._reader, paper.markdown)
        return typeset(nodes, paper, wide=columns(nodes) >= _WIDE)

    def docx(self, paper: RenderedDocument) -> bytes:
        """The same for Word."""
        nodes = tree_of(self._reader, paper.markdown)
        return write_word(nodes, paper, wide=columns(nodes) >= _WIDE)

    def html(self, markdown: str) -> str:
        """Plain elements with Designsystemet's classes; a table stands in a box that can be scrolled."""
        words = self._page.render(tokens_of(self._reader, markdown), self._reader.options, {})
        return f'<div class="paper" lang="nb">\n{words}</div>\n'


class _PageRenderer(RendererHTML):
    """Renders for a page that has a heading of its own above the text, and allows no style in an element."""

    def heading_open(self, tokens: Tokens, at: int, _options: OptionsDict, _env: EnvType) -> str:
        return f"<{_one_down(tokens[at].tag)}>"

    def heading_close(self, tokens: Tokens, at: int, _options: OptionsDict, _env: EnvType) -> str:
        return f"</{_one_down(tokens[at].tag)}>\n"

    def link_open(self, tokens: Tokens, at: int, options: OptionsDict, env: EnvType) -> str:
        tokens[at].attrSet("class", "ds-link")
        return self.renderToken(tokens, at, options, env)

    def table_open(self, _tokens: Tokens, _at: int, _options: OptionsDict, _env: EnvType) -> str:
        return '<div class="paper-table" role="group" aria-label="Tabell" tabindex="0">\n<table class="ds-table">\n'

    def table_close(self, _tokens: Tokens, _at: int, _options: OptionsDict, _env: EnvType) -> str:
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
