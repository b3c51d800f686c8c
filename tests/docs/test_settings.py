"""Every setting is explained to the operator, and nothing is explained that is not there."""

from __future__ import annotations

from deldokument.config.settings import VARIABLES
from tests.docs.documents import DOCS, table


def undocumented(names: set[str], page: str) -> set[str]:
    """Settings that are in only one of program and page."""
    return names ^ {row[0].strip("`") for row in table(page, "Settings")}


def test_every_setting_is_explained_and_nothing_else() -> None:
    page = (DOCS / "operating.md").read_text("utf-8")
    assert undocumented(set(VARIABLES), page) == set()
    assert all(all(row) for row in table(page, "Settings"))


def test_a_setting_that_is_missing_or_gone_is_found() -> None:
    page = "## Settings\n\n| Setting | Default |\n|---|---|\n| `A` | 1 |\n"
    assert undocumented({"A"}, page) == set()
    assert undocumented({"A", "B"}, page) == {"B"}
    assert undocumented(set(), page) == {"A"}
