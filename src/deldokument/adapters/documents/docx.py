"""A text as a document for Word and LibreOffice, by python-docx.

Promises headings, lists and tables as those programs know them, so that the document can be navigated and filled in,
and the same bytes for the same paper. Deliberately does not know Markdown, only its tree.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import UTC
from typing import Any, Final

from docx import Document
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Emu, Pt, RGBColor
from docx.table import _Cell
from docx.text.paragraph import Paragraph
from docx.text.parfmt import ParagraphFormat

from deldokument.adapters.documents.markdown import Node, plain
from deldokument.ports.documents import RenderedDocument

_FONT: Final = "Calibri"
_CODE: Final = "Consolas"
_LANGUAGE: Final = "nb-NO"
_ACCENT: Final = RGBColor(0x0F, 0x5C, 0x6E)
_QUIET: Final = RGBColor(0x4A, 0x5B, 0x60)
_RULE: Final = RGBColor(0xA3, 0xC1, 0xC8)
_TINTED: Final = "EAF1F3"
_SIZES: Final = {"Normal": 11, "Heading 1": 22, "Heading 2": 15, "Heading 3": 12.5, "Heading 4": 11.5, "No Spacing": 10}
_DEEPEST_LIST: Final = 3
_ALIGNMENTS: Final = {"center": WD_ALIGN_PARAGRAPH.CENTER, "right": WD_ALIGN_PARAGRAPH.RIGHT}
_AFTER_SHADING: Final = ("w:tabs", "w:spacing", "w:ind", "w:contextualSpacing", "w:jc", "w:outlineLvl")
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


def write_word(nodes: Iterable[Node], paper: RenderedDocument, *, wide: bool) -> bytes:
    """The document; ``wide`` lays the page on its side."""
    document = Document()
    _set_properties(document, paper)
    _set_styles(document)
    _set_page(document, paper, wide=wide)
    _Writer(document).blocks(nodes)
    packed = io.BytesIO()
    document.save(packed)
    return _without_times(packed.getvalue())


def _set_properties(document: WordDocument, paper: RenderedDocument) -> None:
    properties = document.core_properties
    made_at = paper.made_at.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    properties.title, properties.version, properties.language = plain(paper.title), plain(paper.version), _LANGUAGE
    properties.author = properties.comments = properties.last_modified_by = ""
    properties.created = properties.modified = made_at


def _set_styles(document: WordDocument) -> None:
    styles: Any = document.styles
    for name, size in _SIZES.items():
        font = styles[name].font
        font.size, font.name = Pt(size), _FONT
        fonts = font.element.rPr.rFonts
        for attribute in [key for key in fonts.attrib if "Theme" in key]:
            del fonts.attrib[attribute]
        if name.startswith("Heading"):
            font.color.rgb, font.italic = _ACCENT, False
            styles[name].paragraph_format.space_before, styles[name].paragraph_format.space_after = Pt(18), Pt(6)
    language = styles.element.find(".//" + qn("w:lang"))
    language.set(qn("w:val"), _LANGUAGE)
    styles["Heading 1"].paragraph_format.space_before = Pt(0)
    styles["Normal"].paragraph_format.space_after = Pt(8)
    styles["No Spacing"].paragraph_format.space_before = styles["No Spacing"].paragraph_format.space_after = Pt(3)
    quote = styles["Quote"]
    quote.font.italic, quote.font.color.rgb = False, RGBColor(0, 0, 0)
    _border(quote.paragraph_format, "left", sz="24", space="10", color=str(_ACCENT))
    for line in styles["Table Grid"].element.find(".//" + qn("w:tblBorders")):
        line.set(qn("w:color"), str(_RULE))
    for name in ("Header", "Footer"):  # their own stops are for other margins
        styles[name].paragraph_format.tab_stops.clear_all()


def _set_page(document: WordDocument, paper: RenderedDocument, *, wide: bool) -> None:
    section = document.sections[0]
    sides = (Cm(29.7), Cm(21.0)) if wide else (Cm(21.0), Cm(29.7))
    section.page_width, section.page_height = sides
    section.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    section.left_margin = section.right_margin = Cm(2.0 if wide else 2.6)
    section.top_margin, section.bottom_margin = Cm(2.8), Cm(2.4)
    header, footer = section.header.paragraphs[0], section.footer.paragraphs[0]
    for paragraph in (header, footer):
        paragraph.paragraph_format.tab_stops.add_tab_stop(Emu(_text_width(document)), WD_TAB_ALIGNMENT.RIGHT)
    header.add_run(f"{plain(paper.title)}\tVersjon {plain(paper.version)}")
    footer.add_run("\tSide ")
    _field(footer, "PAGE")
    footer.add_run(" av ")
    _field(footer, "NUMPAGES")
    for run in (*header.runs, *footer.runs):
        run.font.size, run.font.color.rgb = Pt(9), _QUIET


def _text_width(document: WordDocument) -> int:
    """How wide what is on a page may be."""
    section = document.sections[0]
    return int(section.page_width or 0) - int(section.left_margin or 0) - int(section.right_margin or 0)


def _field(paragraph: Paragraph, instruction: str) -> None:
    """A number that Word counts."""
    for kind in ("begin", "", "separate", "end"):
        run = paragraph.add_run()
        if kind:
            run._r.append(_element("w:fldChar", fldCharType=kind))
        else:
            text = _element("w:instrText")
            text.text = instruction
            run._r.append(text)


def _without_times(packed: bytes) -> bytes:
    """The same container; what it says of when its members were written is always the same."""
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, _NO_TIME), old.read(name), zipfile.ZIP_DEFLATED)
    return again.getvalue()


class _Writer:
    """Writes blocks at the end of a document."""

    def __init__(self, document: WordDocument) -> None:
        self._document = document

    def blocks(self, nodes: Iterable[Node], style: str = "Normal", depth: int = 0) -> None:
        """Blocks one after another; ``style`` is for their paragraphs, ``depth`` how many lists are round them."""
        for node in nodes:
            match node.kind:
                case "heading":
                    self._paragraph(node, f"Heading {node.number}")
                case "paragraph":
                    self._paragraph(node, style)
                case "bullet_list" | "ordered_list":
                    self._list(node, min(depth + 1, _DEEPEST_LIST))
                case "blockquote":
                    self.blocks(node.children, "Quote", depth)
                case "table":
                    self._table(node)
                case "hr":
                    rule = self._document.add_paragraph(style=style)
                    _border(rule.paragraph_format, "bottom", sz="6", space="1", color=str(_RULE))
                case _:
                    self._document.add_paragraph(style=style).add_run(node.text.rstrip("\n")).font.name = _CODE

    def _paragraph(self, node: Node, style: str) -> Paragraph:
        paragraph = self._document.add_paragraph(style=style)
        _write(node.children, paragraph)
        return paragraph

    def _list(self, node: Node, depth: int) -> None:
        suffix = f" {depth}" if depth > 1 else ""
        is_ordered = node.kind == "ordered_list"
        style = f"List {'Number' if is_ordered else 'Bullet'}{suffix}"
        numbering = self._numbering(style, node.number) if is_ordered else None
        for item in node.children:
            first = (
                self._paragraph(item.children[0], style)
                if _begins_with_words(item)
                else self._document.add_paragraph(style=style)
            )
            if numbering is not None:
                first.paragraph_format.element.get_or_add_pPr().get_or_add_numPr().get_or_add_numId().val = numbering
            self.blocks(item.children[_begins_with_words(item) :], f"List Continue{suffix}", depth)

    def _numbering(self, style: str, start: int) -> int:
        """A numbering of its own for a list, so that it does not go on from the list before it."""
        numbering: Any = self._document.part.numbering_part.element
        styled: Any = self._document.styles[style].element
        abstract = numbering.num_having_numId(styled.pPr.numPr.numId.val).abstractNumId.val
        fresh = numbering.add_num(abstract)
        fresh.add_lvlOverride(ilvl=0).add_startOverride(start)
        return int(fresh.numId)

    def _table(self, node: Node) -> None:
        table = self._document.add_table(len(node.children), len(node.widths), style="Table Grid")
        table.autofit = False
        # LibreOffice goes by the columns, Word by the cells.
        widths = [Emu(int(_text_width(self._document) * width / sum(node.widths))) for width in node.widths]
        for column, width in zip(table.columns, widths, strict=True):
            column.width = width
        for at, (row, content) in enumerate(zip(table.rows, node.children, strict=True)):
            row_properties = row._tr.get_or_add_trPr()
            row_properties.append(OxmlElement("w:cantSplit"))
            if at == 0:
                row_properties.append(OxmlElement("w:tblHeader"))
            for cell, words, width in zip(row.cells, content.children, widths, strict=True):
                cell.width = width
                _fill(cell, words, is_head=at == 0)
        self._document.add_paragraph(style="No Spacing")


def _begins_with_words(item: Node) -> bool:
    return bool(item.children) and item.children[0].kind == "paragraph"


def _fill(cell: _Cell, content: Node, *, is_head: bool) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.style = "No Spacing"
    paragraph.alignment = _ALIGNMENTS.get(content.alignment)
    _write(content.children, paragraph, bold=is_head)
    if is_head:
        cell._tc.get_or_add_tcPr().append(_element("w:shd", val="clear", color="auto", fill=_TINTED))


def _write(
    nodes: Iterable[Node], paragraph: Paragraph, link: Any = None, *, bold: bool = False, em: bool = False
) -> None:
    """Words at the end of a paragraph, or of a link in it."""
    for node in nodes:
        match node.kind:
            case "strong":
                _write(node.children, paragraph, link, bold=True, em=em)
            case "em":
                _write(node.children, paragraph, link, bold=bold, em=True)
            case "link":
                _write(node.children, paragraph, _link(paragraph, node.target), bold=bold, em=em)
            case "hardbreak":
                paragraph.add_run().add_break()
            case _:
                run = paragraph.add_run(" " if node.kind == "softbreak" else node.text)
                run.bold, run.italic = bold or None, em or None
                if node.kind == "code_inline":
                    run.font.name = _CODE
                if link is not None:
                    run.font.underline, run.font.color.rgb = True, _ACCENT
                    link.append(run._r)


def _link(paragraph: Paragraph, target: str) -> Any:
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), paragraph.part.relate_to(target, RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    paragraph._p.append(link)
    return link


def _element(name: str, **attributes: str) -> Any:
    element = OxmlElement(name)
    for attribute, value in attributes.items():
        element.set(qn(f"w:{attribute}"), value)
    return element


def _border(paragraph_format: ParagraphFormat, side: str, **look: str) -> None:
    borders = OxmlElement("w:pBdr")
    borders.append(_element(f"w:{side}", val="single", **look))
    properties: Any = paragraph_format.element.get_or_add_pPr()
    properties.insert_element_before(borders, *_AFTER_SHADING)
