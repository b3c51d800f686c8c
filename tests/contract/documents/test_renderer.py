"""The press: what a text becomes in each form, that none of it runs, and the same bytes for the same paper."""

import io
import re
import subprocess
import threading
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
from docx import Document
from docx.document import Document as WordDocument
from hypothesis import given, settings
from hypothesis import strategies as st

from deldokument.adapters.documents.renderer import MarkdownRenderer
from deldokument.domain.errors import Broken
from deldokument.domain.tenants.agreement import escape
from deldokument.ports.documents import DocumentRenderer, RenderedDocument

# As clocks tell it, with a fraction of a second.
NOON = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
PRESS: DocumentRenderer = MarkdownRenderer()
HOSTILE = [
    '#eval("1+1")',
    '#read("/etc/passwd")',
    "*x* _y_ `z` $x^2$ <label> @reference",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "![a](https://ute.example/a.png)",
    '"]) #panic() //',
    "// comment /* comment */",
    "\\u{41} \\n",
    "&lt;b&gt; &#x41;",
    "w:instrText FILLIN =1+1",
    "{{ 7 * 7 }} {% include 'word/styles.xml' %} {# comment #}",
    "</w:t><w:br/> ]]> &amp;",
]
"""Names that mean something to Typst, to Markdown, to browsers, to Jinja or to Word, and must mean nothing here."""

TEXT = """# Avtale

> **Mal.** Les *alt*.

## 1 Første

Avsnitt med `kode` og [lenke](https://eksempel.example/a).

- en
- to
  1. dypt

    ```
    #eval("kode")
    ```

3. tre
4. fire

   og mer

| Felt | Midt | Tall |
|------|:----:|-----:|
| Navn |      |   12 |

---

#### Hopper ned

Linje\\
brutt
"""


def paper(markdown: str = TEXT, title: str = "Avtale", version: str = "1.0") -> RenderedDocument:
    return RenderedDocument(markdown, title, version, NOON)


def read_pdf(pdf: bytes, *options: str) -> str:
    """What a reader of the PDF reads, by Debian's poppler-utils."""
    done = subprocess.run(["pdftotext", *options, "-", "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode()


def about_pdf(pdf: bytes, path: Path) -> dict[str, str]:
    path.write_bytes(pdf)
    done = subprocess.run(["pdfinfo", str(path)], capture_output=True, check=True, text=True)
    return dict(re.findall(r"^([^:]+): +(.*)$", done.stdout, re.M))


def links_in_pdf(pdf: bytes) -> str:
    return subprocess.run(["pdfinfo", "-url", "-"], input=pdf, capture_output=True, check=True).stdout.decode()


def word(docx: bytes) -> WordDocument:
    return Document(io.BytesIO(docx))


class Page(HTMLParser):
    """The elements and the words of a fragment."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_words_in_all_three_forms(name: str) -> None:
    text = f"# Avtale\n\nMellom {escape(name)} og oss.\n\n| Part | Rolle |\n|---|---|\n| {escape(name)} | kunde |\n"
    page = Page(PRESS.html(text))
    assert page.words.count(name) == 2
    assert {tag for tag, _ in page.elements} == {"div", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"}
    pressed = paper(text, title=name, version=name)
    assert squeezed(read_pdf(PRESS.pdf(pressed))).count(squeezed(name)) >= 4
    document = word(PRESS.docx(pressed))
    assert document.paragraphs[1].text == f"Mellom {name} og oss."
    assert document.tables[0].cell(1, 0).text == name
    assert document.core_properties.title == name


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_that_was_not_escaped_runs_nothing_either(name: str) -> None:
    text = f"# Avtale\n\n{name}\n\n```\n{name}\n```\n\n`{name}`\n"
    page = Page(PRESS.html(text))
    assert not {"script", "img", "b", "iframe"} & {tag for tag, _ in page.elements}
    assert all(str(attributes.get("href", "https://")).startswith("https://") for _, attributes in page.elements)
    assert all(not name.startswith("on") and name != "style" for _, found in page.elements for name in found)
    assert squeezed(name.replace("&", "")) in squeezed(read_pdf(PRESS.pdf(paper(text))).replace("&", ""))
    assert name in "\n".join(paragraph.text for paragraph in word(PRESS.docx(paper(text))).paragraphs)


OTHER_TARGETS = (
    "javascript:alert(1)", "JaVaScRiPt:x", "vbscript:x", "data:text/html,x", "file:///etc/passwd",
    "http://ute.example", "ftp://ute.example", "//ute.example", "/sti", "#her",
)  # fmt: skip


@pytest.mark.parametrize("target", OTHER_TARGETS)
def test_a_link_that_is_neither_https_nor_mail_is_words(target: str) -> None:
    text = f"# A\n\n[les]({target}) <{target}>\n\n[les][1]\n\n[1]: {target}\n"
    assert "a" not in {tag for tag, _ in Page(PRESS.html(text)).elements}
    assert "w:hyperlink" not in word(PRESS.docx(paper(text))).element.xml
    assert "http" not in links_in_pdf(PRESS.pdf(paper(text)))


def test_https_and_mail_are_links_in_all_three_forms() -> None:
    text = "# A\n\n[les](https://eksempel.example/a?b=c&d=e) <mailto:post@eksempel.example>\n"
    targets = ["https://eksempel.example/a?b=c&d=e", "mailto:post@eksempel.example"]
    assert [found["href"] for tag, found in Page(PRESS.html(text)).elements if tag == "a"] == targets
    document = word(PRESS.docx(paper(text)))
    assert document.element.xml.count("<w:hyperlink") == 2
    assert [link.target_ref for link in document.part.rels.values() if link.is_external] == targets
    assert all(target in links_in_pdf(PRESS.pdf(paper(text))) for target in targets)


@settings(max_examples=25)
@given(st.text(max_size=200))
def test_any_text_can_be_set(text: str) -> None:
    pressed = paper(text, title=text[:50] or "x", version=text[:9])
    assert PRESS.pdf(pressed).startswith(b"%PDF-")
    assert word(PRESS.docx(pressed)).core_properties.language == "nb-NO"
    assert PRESS.html(text).startswith('<div class="paper" lang="nb">')


def test_what_no_document_may_hold_is_shown_as_missing() -> None:
    text = "# A\n\nvondt\x00\x0b\x1b\ud800tegn\n"
    assert "vondt����tegn" in PRESS.html(text)
    assert "vondt����tegn" in [paragraph.text for paragraph in word(PRESS.docx(paper(text))).paragraphs]
    assert PRESS.pdf(paper(text))


@pytest.mark.parametrize("source", ["vondt&#12;tegn", "[vondt&#12;tegn](https://eksempel.example/&#12;)"])
def test_an_entity_of_what_no_document_may_hold_is_shown_as_missing(source: str) -> None:
    [paragraph] = [one for one in word(PRESS.docx(paper(source))).paragraphs if "vondt" in one.text]
    assert paragraph.text == "vondt�tegn"
    assert PRESS.pdf(paper(source))


def test_on_a_page_the_texts_headings_are_below_the_pages_own_and_skip_no_level() -> None:
    tags = [tag for tag, _ in Page(PRESS.html("# a\n\n## b\n\n##### c\n\n###### d\n\n## e\n")).elements]
    assert [tag for tag in tags if tag.startswith("h")] == ["h2", "h3", "h4", "h5", "h3"]
    deep = "".join(f"{'#' * level} x\n\n" for level in range(1, 7))
    assert [tag for tag, _ in Page(PRESS.html(deep)).elements][-1] == "h6"


def test_a_table_on_a_page_can_be_scrolled_with_the_keyboard_and_has_no_style_in_it() -> None:
    elements = Page(PRESS.html(TEXT)).elements
    box = elements[[tag for tag, _ in elements].index("table") - 1]
    assert box == ("div", {"class": "paper-table", "role": "group", "aria-label": "Tabell", "tabindex": "0"})
    heads = [attributes for tag, attributes in elements if tag == "th"]
    assert [head.get("scope") for head in heads] == ["col"] * 3
    assert [head.get("class") for head in heads] == [None, "to-center", "to-right"]
    assert "style" not in PRESS.html(TEXT)


def test_a_pdf_is_tagged_and_says_its_title_and_language(tmp_path: Path) -> None:
    pdf = PRESS.pdf(paper(title="Tjenesteavtale for Čáhput"))
    about = about_pdf(pdf, tmp_path / "avtale.pdf")
    assert (about["Title"], about["Tagged"], about["Pages"]) == ("Tjenesteavtale for Čáhput", "yes", "1")
    assert about["Page size"].endswith("(A4)")
    assert b"/Lang(nb-NO)" in pdf
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf


def test_every_page_of_a_pdf_says_title_version_and_its_number() -> None:
    text = read_pdf(PRESS.pdf(paper("# Avtale\n\n" + "Et avsnitt.\n\n" * 90, title="Avtale om mye", version="2.1")))
    pages = text.split("\f")[:-1]
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        assert "Avtale om mye" in page
        assert "Versjon 2.1" in page
        assert f"Side {number} av {len(pages)}" in page


def test_what_goes_on_from_a_line_of_code_in_a_pdf_is_not_to_be_taken_for_a_line() -> None:
    """On the page of a signature a signer could else make a role look like another line of what was confirmed."""
    text = read_pdf(PRESS.pdf(paper("# A\n\n```\n" + "ord " * 40 + "\nslutt\n```\n")), "-layout")
    first, *rest, end = (len(line) - len(line.lstrip()) for line in text.splitlines() if re.search("ord|slutt", line))
    assert first == end
    assert rest
    assert min(rest) > first


def test_a_pdf_has_the_letters_of_all_our_languages() -> None:
    letters = "ÆØÅæøå ÁČĐŊŠŦŽ áčđŋšŧž éèêëöüàâ «»–§€"
    assert letters in read_pdf(PRESS.pdf(paper(f"# A\n\n{letters}\n")))


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("日本.pdf", "[U+65E5 U+672C].pdf"),
        ("Kart 😀 og 👨‍👩‍👧.pdf", "Kart [U+1F600] og [U+1F468]"),
        ("Сказка и ελπίδα 日.pdf", "Сказка и ελπίδα [U+65E5].pdf"),
        ("e\u0301te\u20dd.pdf", "te[U+20DD].pdf"),
    ],
)
def test_a_character_that_no_font_has_is_read_as_its_number_and_the_pdf_keeps_its_standards(
    name: str, read: str
) -> None:
    pdf = PRESS.pdf(paper(f"# A\n\nNavn: {name}\n\n| Navn |\n|---|\n| {name} |\n", title=name))
    text = " ".join(read_pdf(pdf).split())
    assert text.count(read) == 3
    assert b"<pdfaid:part>2</pdfaid:part>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf


def test_a_pdf_has_every_latin_letter_and_numbers_in_place_of_all_others() -> None:
    latin = "".join(chr(code) for code in range(0xA1, 0x180) if code != 0xAD)
    for marked in ("ש\u0591", "ש\u0591\u200d"):
        read = "".join(read_pdf(PRESS.pdf(paper(f"# A\n\n{marked} {' '.join(latin)}\n"))).split())
        assert f"[{''.join(f'U+{ord(c):04X}' for c in marked)}]{latin}" in read


def test_an_empty_heading_costs_a_pdf_no_standard() -> None:
    assert b"<pdfuaid:part>1</pdfuaid:part>" in PRESS.pdf(paper("# A\n\n##\n\nEt avsnitt.\n"))


def test_a_text_too_deep_for_paper_is_refused_and_not_cut() -> None:
    with pytest.raises(Broken):
        PRESS.pdf(paper("# A\n\n" + ">" * 60 + " dypt\n"))


def test_a_wide_table_turns_the_paper_on_its_side(tmp_path: Path) -> None:
    row = "|" + " a |" * 6 + "\n"
    text = "# A\n\n- punkt\n\n> " + row + "> " + "|---" * 6 + "|\n> " + row
    size = about_pdf(PRESS.pdf(paper(text)), tmp_path / "ros.pdf")["Page size"]
    assert size.startswith("841.89 x 595.2")
    section = word(PRESS.docx(paper(text))).sections[0]
    assert (section.page_width or 0) > (section.page_height or 0)


def test_a_word_document_has_headings_lists_and_tables_as_word_knows_them() -> None:
    document = word(PRESS.docx(paper()))
    styled = [(p.style.name if p.style else "", p.text) for p in document.paragraphs]
    assert styled[:5] == [
        ("Heading 1", "Avtale"),
        ("Quote", "Mal. Les alt."),
        ("Heading 2", "1 Første"),
        ("Normal", "Avsnitt med kode og lenke."),
        ("List Bullet", "en"),
    ]
    assert ("List Number 2", "dypt") in styled
    assert ("List Number", "fire") in styled
    assert ("List Continue", "og mer") in styled
    assert ("Heading 3", "Hopper ned") in styled
    assert ("Normal", "Linje\nbrutt") in styled
    table = document.tables[0]
    assert [cell.text for cell in table.rows[1].cells] == ["Navn", "", "12"]
    assert "w:tblHeader" in table.rows[0]._tr.xml
    assert "w:tblHeader" not in table.rows[1]._tr.xml


def test_a_tables_columns_in_word_share_the_page_for_word_and_for_libreoffice() -> None:
    text = "| Nr. | Tiltak |\n|---|---|\n| 1 | En lengre beskrivelse av et tiltak som trenger plass. |\n"
    document = word(PRESS.docx(paper(text)))
    section, table = document.sections[0], document.tables[0]
    width = int(section.page_width or 0) - int(section.left_margin or 0) - int(section.right_margin or 0)
    columns = [int(column.width or 0) for column in table.columns]
    assert [int(cell.width or 0) for cell in table.rows[1].cells] == columns
    assert columns[1] > 2 * columns[0] > 0
    assert 0.99 * width < sum(columns) <= width


def test_a_tables_columns_are_as_wide_as_their_longest_cells_if_all_fit() -> None:
    at = "torsdag 24. september 2026 kl. 13.00"
    rows = f"| FJELL AS 312 824 450 | Situasjonsplan.pdf: hentet | {at} |\n" + "| 218794 | Ikke åpnet | – |\n" * 3
    pdf = PRESS.pdf(paper(f"| Mottaker | Dette har skjedd | Tidspunkt |\n|---|---|---|\n{rows}"))
    assert re.search(rf"FJELL AS 312 824 450 +Situasjonsplan.pdf: hentet +{at}\n", read_pdf(pdf, "-layout"))


def test_a_list_in_word_begins_with_its_own_number() -> None:
    text = "1. a\n2. b\n\nMellom\n\n1. c\n\nMellom\n\n7. d\n"
    document = word(PRESS.docx(paper(text)))
    numbers = [int(value) for value in re.findall(r'<w:numId w:val="(\d+)"/>', document.element.xml)]
    assert len(numbers) == 4
    assert len(set(numbers)) == 3
    numbering = document.part.numbering_part.element.xml
    starts = [re.search(rf'w:numId="{n}".*?startOverride w:val="(\d+)"', numbering, re.S) for n in sorted(set(numbers))]
    assert [found[1] if found else "" for found in starts] == ["1", "1", "7"]


def test_an_item_without_words_and_lists_deeper_than_word_has_styles_for_are_written() -> None:
    text = "- # a\n-\n- x\n  - y\n    - z\n      - q\n"
    paragraphs = word(PRESS.docx(paper(text))).paragraphs
    assert [(p.style.name if p.style else "", p.text) for p in paragraphs] == [
        ("List Bullet", ""),
        ("Heading 1", "a"),
        ("List Bullet", ""),
        ("List Bullet", "x"),
        ("List Bullet 2", "y"),
        ("List Bullet 3", "z"),
        ("List Bullet 3", "q"),
    ]


def test_words_in_word_are_strong_and_stressed_as_in_the_text() -> None:
    paragraph = word(PRESS.docx(paper("**a *b*** c `d`"))).paragraphs[0]
    assert [(run.text, bool(run.bold), bool(run.italic)) for run in paragraph.runs] == [
        ("a ", True, False),
        ("b", True, True),
        (" c ", False, False),
        ("d", False, False),
    ]


def test_every_page_in_word_says_title_and_version_and_counts_itself() -> None:
    section = word(PRESS.docx(paper(title="Avtale om mye", version="2.1"))).sections[0]
    header = section.header.paragraphs[0]
    assert header.text == "Avtale om mye\tVersjon 2.1"
    assert header.style
    assert len(header.style.paragraph_format.tab_stops) == 0
    assert len(header.paragraph_format.tab_stops) == 1
    assert re.findall(r"<w:instrText>(\w+)<", section.footer._element.xml) == ["PAGE", "NUMPAGES"]


def test_a_word_documents_text_is_bokmaal_and_its_headings_have_levels() -> None:
    document = word(PRESS.docx(paper()))
    defaults = document.styles.element.xml.partition("</w:docDefaults>")[0]
    assert '<w:lang w:val="nb-NO"' in defaults
    assert "w:lang" not in document.element.xml
    levels = {s.name: re.findall(r'outlineLvl w:val="(\d)"', s.element.xml) for s in document.styles}
    assert [levels[f"Heading {level}"] for level in range(1, 7)] == [[str(level)] for level in range(6)]


def test_a_word_document_has_every_part_that_it_names_and_names_every_part() -> None:
    with zipfile.ZipFile(io.BytesIO(PRESS.docx(paper()))) as packed:
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    listed = re.findall(r'PartName="/(.*?)"', texts["[Content_Types].xml"])
    assert sorted(listed) == sorted(name for name in texts if not name.endswith(".rels") and not name.startswith("["))
    targets = re.findall(r'Target="([^"]*)"', texts["_rels/.rels"])
    targets += re.findall(r'Target="([^"]*)"/>', texts["word/_rels/document.xml.rels"])
    assert {target.rpartition("/")[2] for target in targets} == {name.rpartition("/")[2] for name in listed}
    assert set(re.findall(r'r:id="(.*?)"', texts["word/document.xml"])) <= set(
        re.findall(r'Id="(.*?)"', texts["word/_rels/document.xml.rels"])
    )


def test_lines_and_tabs_of_a_code_block_are_those_of_the_text() -> None:
    [paragraph] = word(PRESS.docx(paper("```\na\tb\n  c\n```\n"))).paragraphs
    assert paragraph.text == "a\tb\n  c"


def test_the_same_paper_is_the_same_bytes_from_every_press_in_every_thread() -> None:
    found: list[tuple[bytes, bytes, str]] = []

    def press() -> None:
        for renderer in (PRESS, MarkdownRenderer()):
            found.append((renderer.pdf(paper()), renderer.docx(paper()), renderer.html(TEXT)))

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (8, 1)


def test_another_time_is_another_paper_and_the_same_instant_is_the_same() -> None:
    elsewhere = replace(paper(), made_at=NOON.astimezone(timezone(timedelta(hours=1))))
    later = replace(paper(), made_at=NOON + timedelta(seconds=1))
    assert PRESS.docx(elsewhere) == PRESS.docx(paper()) != PRESS.docx(later)
    assert PRESS.pdf(later) != PRESS.pdf(paper())
    assert word(PRESS.docx(elsewhere)).core_properties.created == NOON.replace(microsecond=0)
