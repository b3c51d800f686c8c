"""The pages hold together: links lead somewhere, and every decision is in the index."""

import re
from pathlib import Path

import pytest

from deldokument.web.http.responses.i18n import LANGUAGES
from tests.docs.documents import DOCS, ROOT, anchors, dead_links, links, pages, table

DECISIONS = DOCS / "decisions"
MAX_DECISIONS = 30
MAX_WORDS = 350


def test_links_lead_somewhere() -> None:
    assert {path: dead for path in pages() if (dead := dead_links(path))} == {}


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in reached:
            reached.add(page)
            targets = [target.partition("#")[0] for target in links(page.read_text("utf-8"))]
            waiting += [(page.parent / target).resolve() for target in targets if target]
    assert [str(path) for path in sorted(DOCS.rglob("*.md")) if path not in reached] == []


def test_every_decision_is_in_the_index_under_its_own_title() -> None:
    index = (DECISIONS / "README.md").read_text("utf-8")
    records = sorted(DECISIONS.glob("[0-9]*.md"))
    assert 0 < len(records) <= MAX_DECISIONS
    for number, record in enumerate(records, start=1):
        title = record.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert record.name.startswith(f"{number:04}-")
        assert f"[{title}]({record.name})" in index


@pytest.mark.parametrize("record", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_has_its_parts_and_is_short(record: Path) -> None:
    text = record.read_text("utf-8")
    assert {"context", "decision", "consequences", "rejected"} <= anchors(text)
    assert len(text.split()) <= MAX_WORDS


def test_the_browser_sends_a_large_file_in_as_many_pieces_as_was_decided() -> None:
    sent = re.search(r"^const PIECES = (\d+);$", (ROOT / "frontend" / "src" / "pieces.ts").read_text("utf-8"), re.M)
    decided = re.search(r"in (\d+) pieces", (DECISIONS / "0004-uploads.md").read_text("utf-8"))
    assert sent
    assert decided
    assert sent[1] == decided[1]


def test_every_page_of_the_site_has_the_three_languages_that_the_readme_names() -> None:
    assert "The pages are in bokmål, nynorsk and English" in (ROOT / "README.md").read_text("utf-8")
    assert set(LANGUAGES) == {"nb", "nn", "en"}


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](missing.md) [b](#nowhere) [c](#a-title) [d](https://example.org/x) `[e](f.md)`\n")
    assert dead_links(page) == ["missing.md", "#nowhere"]


def test_the_rows_of_the_table_under_a_heading_are_read() -> None:
    page = "# T\n\n| no |\n|---|\n| 0 |\n\n## Wanted\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n## After\n\n| 3 | 4 |\n"
    assert table(page, "Wanted") == [["1", "2"]]
