"""The change log is in the form of Keep a Changelog, and short enough to read before an upgrade."""

import re

import pytest

from tests.docs.documents import ROOT

PAGE = (ROOT / "CHANGELOG.md").read_text("utf-8")
CATEGORIES = {"Upgrade notes", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
MAX_ENTRIES = 40
MAX_LENGTH = 200
_VERSION = re.compile(r"## \[(\d+\.\d+\.\d+)\](?: - (?:Unreleased|\d{4}-\d{2}-\d{2}))?")


def faults(page: str) -> list[str]:
    """Return the lines and versions that break the form."""
    found, entries = [], dict[str, int]()
    version = category = ""
    _, *sections = re.split(r"^(?=## )", page, flags=re.M)
    for line in "".join(sections).splitlines():
        if heading := _VERSION.fullmatch(line):
            version, category = heading[1], ""
            entries[version] = 0
        elif line.startswith("### ") and line[4:] in CATEGORIES:
            category = line[4:]
        elif line.startswith("- ") and category and len(line) <= MAX_LENGTH:
            entries[version] += 1
        elif line:
            found.append(line)
    newest = next(iter(entries), "none")
    if not 0 < entries.get(newest, 0) <= MAX_ENTRIES:
        found.append(f"{newest}: {entries.get(newest, 0)} entries")
    return found


def test_the_change_log_has_the_form_of_keep_a_changelog_and_short_entries() -> None:
    assert faults(PAGE) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("## 1.0.0\n", "## 1.0.0"),
        ("## [1.0.0] - Unreleased\n\n- No category.\n", "- No category."),
        ("## [1.0.0] - Unreleased\n\n### News\n", "### News"),
        ("## [1.0.0]\n\n### Added\n\n- One\n  of two lines.\n", "  of two lines."),
        (f"## [1.0.0]\n\n### Added\n\n- {'x' * MAX_LENGTH}\n", f"- {'x' * MAX_LENGTH}"),
        ("## [1.0.0]\n\n### Added\n\n" + "- x\n" * (MAX_ENTRIES + 1), f"1.0.0: {MAX_ENTRIES + 1} entries"),
    ],
)
def test_a_fault_of_form_is_found(body: str, fault: str) -> None:
    assert fault in faults(f"# Change log\n\nWords.\n\n{body}")
