"""Document renderer: a text as HTML for a page, as PDF with Typst, and as .docx from templates.

Guarantees:
- A text is only words in all three formats. Typst and Jinja get it as data for fixed templates, so no part of it is
  executed.
- The same document gives the same bytes.

Does not know what the texts are about.
"""

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
"""Tables with at least this many columns make the pages landscape."""


class MarkdownRenderer:
    """The port `DocumentRenderer`. Thread-safe."""

    def __init__(self) -> None:
        self._reader = reader()
        self._page = _PageRenderer()

    def pdf(self, paper: RenderedDocument) -> bytes:
        """Return PDF/A-2a and PDF/UA-1 with embedded fonts.

        A character that no font has is written as its Unicode number, like «[U+65E5]».
        """
        # Typst needs twenty megabytes, which a process that renders nothing should not load.
        from deldokument.adapters.documents.pdf import typeset

        nodes = tree_of(self._reader, paper.markdown)
        return typeset(nodes, paper, wide=columns(nodes) >= _WIDE)

    def docx(self, paper: RenderedDocument) -> bytes:
        """Return the document as .docx."""
        nodes = tree_of(self._reader, paper.markdown)
        return write_word(nodes, paper, wide=columns(nodes) >= _WIDE)

    def html(self, markdown: str) -> str:
        """Return HTML elements with the classes of Designsystemet; a table is in a box that scrolls."""
        words = self._page.render(tokens_of(self._reader, markdown), self._reader.options, {})
        return f'<div class="paper" lang="nb">\n{words}</div>\n'


class _PageRenderer(RendererHTML):
    """A renderer for a page with its own heading above the text and a policy against style attributes."""

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
