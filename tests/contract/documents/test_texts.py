"""The library, and that every text in it is whole: it can be filled in and set, and says that it is a template."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from docx import Document

from deldokument.adapters.documents.renderer import MarkdownRenderer
from deldokument.adapters.documents.texts import PackageLibrary
from deldokument.domain.errors import InvalidInput, NotFound
from deldokument.domain.tenants.agreement import (
    PLACEHOLDERS,
    AgreementKind,
    AgreementText,
    OperatorDetails,
    merge,
    version_key,
)
from deldokument.ports.documents import RenderedDocument, TextCatalog

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LIBRARY: TextCatalog = PackageLibrary()
PRESS = MarkdownRenderer()
TEXTS = [LIBRARY.text(kind, version) for kind in AgreementKind for version in LIBRARY.versions(kind)]
HOSTILE = '#eval("x") *x* <script>x</script> [a](javascript:x) | b'

every_text = pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text.kind}-{text.version}")


def merged(text: AgreementText, tenant: str = "Prøve kommune") -> str:
    operator = OperatorDetails("Del dokument", "310240001", "avtaler@eksempel.example", "Deldrift IKS")
    return merge(text.markdown, operator.values(tenant, "213640003", "post@prove.example"))


def test_there_is_a_text_of_every_kind() -> None:
    assert {text.kind for text in TEXTS} == set(AgreementKind)


@every_text
def test_a_text_says_at_its_top_that_it_is_a_template_for_a_lawyer_to_review(text: AgreementText) -> None:
    title, note = text.markdown.split("\n\n")[:2]
    assert title == f"# {text.title}"
    assert "Mal. Skal gjennomgås av jurist før bruk" in note


@every_text
def test_a_text_names_both_parties(text: AgreementText) -> None:
    asked = set(re.findall(r"\{\{(\w+)\}\}", text.markdown))
    assert asked <= PLACEHOLDERS
    assert asked >= {"tenant_name", "tenant_number", "contract_party", "operator_number", "operator_name"}


def test_the_service_agreement_names_the_address_that_letters_go_to() -> None:
    [service] = [text for text in TEXTS if text.kind is AgreementKind.SERVICE]
    assert "post@prove.example" in PRESS.html(merged(service))


@every_text
def test_a_text_can_be_filled_in_and_set_in_all_three_forms(text: AgreementText) -> None:
    markdown = merged(text)
    paper = RenderedDocument(markdown, text.title, text.version, NOON)
    document = Document(io.BytesIO(PRESS.docx(paper)))
    words = "\n".join([p.text for p in document.paragraphs] + [c.text for t in document.tables for c in t._cells])
    html = PRESS.html(markdown)
    for form in (markdown, words, html):
        assert "Prøve kommune" in form
        assert "{{" not in form
        assert "}}" not in form
    pdf = PRESS.pdf(paper)
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    # What Markdown should have made of the text and has not: a table without its rule, emphasis that never ends.
    assert not re.search(r"\*\*|\|---|^#", re.sub(r"<[^>]+>", "", html), re.M)
    assert "*" not in words


@every_text
def test_a_hostile_tenant_makes_no_markup_in_a_text(text: AgreementText) -> None:
    def tags(tenant: str) -> list[str]:
        return re.findall(r"<[^>]*>", PRESS.html(merged(text, tenant)))

    assert tags(HOSTILE) == tags("Prøve kommune")
    assert PRESS.pdf(RenderedDocument(merged(text, HOSTILE), text.title, text.version, NOON)).startswith(b"%PDF")


@every_text
def test_the_headings_of_a_text_are_numbered_without_a_gap(text: AgreementText) -> None:
    numbers = [int(number) for number in re.findall(r"^#{2,3} (\d+) ", text.markdown, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 10


@every_text
def test_references_within_a_text_have_a_target(text: AgreementText) -> None:
    clauses = set(re.findall(r"^\*\*(\d+\.\d+)\*\*", text.markdown, re.M))
    headings = set(re.findall(r"^#{2,3} (\d+(?:\.\d+)?) ", text.markdown, re.M))
    referred = re.findall(r"(?:punkt|se|kapittel|oversikten i) (\d+(?:\.\d+)?)", text.markdown)
    assert set(referred) <= clauses | headings


@every_text
def test_the_rows_of_a_texts_tables_have_all_their_cells(text: AgreementText) -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", text.markdown, re.M):
        assert len({row.count("|") for row in table.splitlines()}) == 1, table


def test_the_service_agreement_ends_with_how_it_is_signed_digitally() -> None:
    for version in LIBRARY.versions(AgreementKind.SERVICE):
        last = LIBRARY.text(AgreementKind.SERVICE, version).markdown.rsplit("\n### ", 1)[1]
        assert re.match(r"\d+ Slik signeres avtalen\n", last)
        for word in ("ID-porten", "SHA-256", "PAdES", "fullmakt"):
            assert word in last


def test_the_service_agreement_has_what_article_28_demands_of_a_processor() -> None:
    text = LIBRARY.text(AgreementKind.SERVICE, "1.0").markdown
    for heading in (
        "Formål og instruks", "Hvem og hva behandlingen gjelder", "Taushetsplikt og tilgang", "Sikkerhet",
        "Underdatabehandlere", "Sted og overføring til tredjeland", "Hjelp til kunden",
        "Brudd på personopplysningssikkerheten", "Dokumentasjon og revisjon", "Sletting og tilbakelevering",
    ):  # fmt: skip
        assert re.search(rf"^### \d+ {heading}$", text, re.M), heading


def test_the_main_agreement_says_where_it_is_sent() -> None:
    assert "{{return_address}}" in LIBRARY.text(AgreementKind.MAIN, "1.0").markdown.split("## 17 Slik signeres")[1]


def filled(folder: Path, *names: str) -> PackageLibrary:
    (folder / "ros").mkdir()
    for name in names:
        (folder / "ros" / name).write_text(f"# {name}\n", encoding="utf-8")
    return PackageLibrary(folder)


def test_versions_are_in_order_and_nothing_but_texts_is_one(tmp_path: Path) -> None:
    library = filled(tmp_path, "1.10.md", "1.9.md", "2.0.md", "notes.txt")
    assert library.versions(AgreementKind.RISK) == ("1.9", "1.10", "2.0")
    assert sorted(["1.10", "1.9"], key=version_key) == ["1.9", "1.10"]
    text = library.text(AgreementKind.RISK, "1.10")
    assert (text.kind, text.version, text.title, text.published_at) == (AgreementKind.RISK, "1.10", "1.10.md", None)


@pytest.mark.parametrize("version", ["9.9", "", "../ros/1.0", "/etc/passwd", "1.0.md", "1.0/", "notes"])
def test_what_is_no_version_leads_to_no_file(tmp_path: Path, version: str) -> None:
    library = filled(tmp_path, "1.0.md")
    (tmp_path / "notes.md").write_text("# no", encoding="utf-8")
    with pytest.raises(NotFound):
        library.text(AgreementKind.RISK, version)


def test_a_file_that_is_named_like_no_version_is_found_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        filled(tmp_path, "draft.md").versions(AgreementKind.RISK)
