"""Markdown parser for all output formats: CommonMark with tables, as a tree.

Guarantees:
- The output contains only words, structure and harmless links. HTML and images are not recognised: their
  source becomes words.
- Links lead to https and mailto only.
- Headings never skip a level.
- Every character is valid in XML.

Does not know the output formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

_SAFE_LINK: Final = re.compile(r"(https://|mailto:)", re.I)
_TO_FILL_IN: Final = "words " * 7
"""Width of an empty cell, in which people write."""
_ROW: Final = 85
"""Width of an upright PDF page; typeset.typ has the same."""
_LETTER: Final = 0.8
"""Width of a letter in a sentence, compared with one of the longest word."""
_INSET: Final = 4
"""Number of letters that the space beside a cell's words takes."""
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a text. ``kind`` is markdown-it's type name; other fields are set where they apply.

    - ``number``: the level of a heading, or the first number of a list
    - ``target``: the target of a link
    - ``is_tight``: no space around an item's paragraph
    - ``children`` of a table: its rows, head first
    - ``widths``: the relative widths of a table's columns, in letters
    - ``is_short``: the table fits on one page
    """

    kind: str
    text: str = ""
    children: tuple[Node, ...] = ()
    number: int = 1
    target: str = ""
    alignment: str = "left"
    is_tight: bool = False
    widths: tuple[float, ...] = ()
    is_short: bool = False


def reader() -> MarkdownIt:
    """Return the parser that all output formats share."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    markdown.validateLink = _is_harmless  # type: ignore[method-assign,assignment]
    return markdown


def _is_harmless(target: str) -> bool:
    return _SAFE_LINK.match(target) is not None


def tokens_of(markdown: MarkdownIt, text: str) -> list[Token]:
    """Return the text's tokens, with headings that go down one level at a time."""
    tokens = markdown.parse(plain(text))
    level = 0
    for token in tokens:
        if token.type == "heading_open":
            level = min(int(token.tag[1:]), level + 1)
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{level}"
    return tokens


def tree_of(markdown: MarkdownIt, text: str) -> tuple[Node, ...]:
    """Return the text's blocks."""
    return tuple(_node(child) for child in SyntaxTreeNode(tokens_of(markdown, text)).children)


def plain(text: str) -> str:
    """Return the text with � in place of characters that a document cannot contain."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def columns(nodes: Iterable[Node]) -> int:
    """Return the number of columns of the widest table in the nodes."""
    return max((max(len(node.widths), columns(node.children)) for node in nodes), default=0)


def _node(node: SyntaxTreeNode) -> Node:
    children = tuple(_node(child) for child in _without_parts(node))
    is_tight = node.type == "paragraph" and node.hidden
    match node.type:
        case "heading":
            return Node("heading", children=children, number=int(node.tag[1:]))
        case "ordered_list":
            return Node("ordered_list", children=children, number=int(node.attrs.get("start", 1)))
        case "table":
            return Node("table", children=children, widths=_widths(children), is_short=_is_short(children))
        case "link":
            return Node("link", children=children, target=plain(str(node.attrs["href"])))
        case "td" | "th":
            return Node("cell", children=children, alignment=str(node.attrs.get("style", "left")).rpartition(":")[2])
        case _:
            # Cleaned again: an entity such as &#12; becomes a character only in the parser.
            text = plain(node.content) if not children else ""
            return Node(node.type, text, children, is_tight=is_tight)


def _without_parts(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    """Return a node's children. Head and body of a table are left out, and so are the inner nodes of a text block."""
    parts = {"thead", "tbody", "inline"}
    deeper = [grand for child in node.children for grand in (child.children if child.type in parts else [child])]
    return [child for child in deeper if child.type != "text" or child.content]


def _widths(rows: tuple[Node, ...]) -> tuple[float, ...]:
    """Return each column's width: the width of its longest cell, if then no cell needs a second line."""
    all_columns = zip(*(row.children for row in rows), strict=True)
    texts = [[_words(head), *(_words(cell) or _TO_FILL_IN for cell in body)] for head, *body in all_columns]
    whole = tuple(_LETTER * (_INSET + max(map(len, cells))) for cells in texts)
    return whole if sum(whole) <= _ROW else tuple(map(_width, texts))


def _is_short(rows: tuple[Node, ...]) -> bool:
    """Return whether the table has at most thirty lines, with cells eight letters wide."""
    longest = (max(len(_words(cell) or _TO_FILL_IN) for cell in row.children) for row in rows)
    return sum(longest) <= 8 * 30


def _words(node: Node) -> str:
    return node.text + "".join(map(_words, node.children))


def _width(cells: list[str]) -> float:
    """Return a width: at least the longest word, to keep it on one line; it grows slowly with the cells' lengths."""
    longest = max(len(word) for cell in cells for word in [*cell.split(), ""])
    return max(longest, 3.0 * sqrt(sum(map(len, cells)) / len(cells)), 6)
