"""The page for contributors names files, identifiers and suites that exist."""

import re
from pathlib import Path

import pytest

from tests.architecture.rules import PACKAGE
from tests.docs.documents import DOCS, ROOT, table

PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
_OUTSIDE = ("docs/", "frontend/", "tests/")


def section(page: str, heading: str) -> str:
    """Return the text below a heading of the second level, with its subsections."""
    return re.split(rf"^## {re.escape(heading)}$", page, maxsplit=1, flags=re.M)[1].split("\n## ", 1)[0]


def located(name: str) -> Path:
    """Return the path that a name with a slash stands for."""
    return (ROOT if name.startswith(_OUTSIDE) else PACKAGE) / name


def is_path(name: str) -> bool:
    return "/" in name or (PACKAGE / name).is_file()


def faults(text: str) -> list[str]:
    """Return the files that do not exist, and the names that are in no file of their step."""
    found = []
    for step in re.findall(r"^\d+\. (.*(?:\n {2,}.*)*)", text, re.M):
        names = re.findall(r"`([^`]+)`", step)
        paths = [located(name) for name in names if is_path(name)]
        found += [f"{path}: no such file" for path in paths if not path.exists()]
        contents = [path.read_text("utf-8") for path in paths if path.is_file()]
        found += [
            f"{name}: not in its files"
            for name in names
            if not is_path(name) and not any(re.search(rf"\b{re.escape(name)}\b", content) for content in contents)
        ]
        if not paths:
            found.append(f"{step}: names no file")
    return found


LISTS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", section(PAGE, "Where to start"), re.M | re.S))


def test_there_are_six_lists() -> None:
    assert len(LISTS) == 6
    assert all(len(re.findall(r"^\d+\. ", text, re.M)) >= 5 for text in LISTS.values())


@pytest.mark.parametrize("title", LISTS)
def test_each_file_and_each_name_where_to_start_exists(title: str) -> None:
    assert faults(LISTS[title]) == []


def test_a_missing_file_and_a_missing_name_are_found() -> None:
    text = "1. `domain/gone.py`: `Share`.\n2. `domain/shares/share.py`: `Parcel`.\n3. Nothing.\n"
    assert len(faults(text)) == 4
    assert faults("1. `domain/shares/share.py`: `Share`. `worker.py`: `loops`.\n") == []


def good_examples() -> list[tuple[str, str]]:
    """Return the code that the page calls good, without its indentation, with the module that it names."""
    return re.findall(r"^# good: (\S+)\n(.*?)^```$", section(PAGE, "Taste"), re.M | re.S)


def unindented(code: str) -> str:
    return re.sub(r"^ +", "", code, flags=re.M)


@pytest.mark.parametrize(("module", "code"), good_examples())
def test_good_code_is_what_its_module_has(module: str, code: str) -> None:
    assert unindented(code) in unindented(located(module).read_text("utf-8"))


def test_there_are_good_examples() -> None:
    assert len(good_examples()) >= 3


def test_each_path_of_a_test_exists() -> None:
    assert [name for name in re.findall(r"`(tests/[^`]+)`", PAGE) if not (ROOT / name).exists()] == []


def test_every_suite_is_listed() -> None:
    suites = {f"tests/{path.parent.name}" for path in (ROOT / "tests").glob("*/test_*.py")}
    suites |= {f"tests/{path.parent.parent.name}" for path in (ROOT / "tests").glob("*/*/test_*.py")}
    rows = table((DOCS / "development.md").read_text("utf-8"), "Suites")
    listed = {name for row in rows for name in re.findall(r"`(tests/\w+)`", row[0])}
    assert suites - listed == set()
    assert [name for name in listed if not (ROOT / name).is_dir()] == []


def test_every_folder_of_tests_is_described() -> None:
    folders = {f"tests/{path.name}" for path in (ROOT / "tests").iterdir() if path.is_dir()} - {"tests/__pycache__"}
    assert folders == set(re.findall(r"`(tests/\w+)`", (DOCS / "development.md").read_text("utf-8")))


def test_the_page_names_every_suite() -> None:
    rows = table((DOCS / "development.md").read_text("utf-8"), "Suites")
    suites = {name for row in rows for name in re.findall(r"`(tests/\w+)`", row[0])}
    assert suites <= set(re.findall(r"`(tests/\w+)`", PAGE))


def test_the_page_names_the_form_of_a_commit_subject() -> None:
    assert "`area: imperative`" in PAGE
    assert not re.search(r"\brooms?\b", PAGE)
