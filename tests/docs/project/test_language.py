"""The prose has no translated phrases and no sentence over 25 words."""

from pathlib import Path

import pytest

from tests.docs.prose import MAX_WORDS, faults_of, sentences_of, sources


def test_every_file_keeps_to_the_language_rules() -> None:
    faults = [str(fault) for path in sources() for fault in faults_of(path)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ('"""Whoever reads it, knows."""', ["says «whoever»"]),
        ('x = 1\n"""A limit that the caller is told."""', ["says «is told»"]),
        ('"""Never write `whoever`."""', []),
        ("# Promises that it ends.", ["says «Promises that»"]),
        ("def f():\n    # What is read\n    # twice is cached.\n    pass", ["says «what is … is»"]),
        (f'"""{"word " * (MAX_WORDS + 1)}."""', ["26 words"]),
        (f'"""{"word " * MAX_WORDS}."""', []),
        (f'"""One.\n\n    {"code " * 40}\n"""', []),
        (f'"""One.\n\n| {"cell " * 40} |\n"""', []),
        ('message = "You are told this on a page."', []),
        ("def test_the_client_is_told(): ...", ["says «is told»"]),
        ("async def test_whatever_is_wrong(): ...", ["says «whatever»"]),
        ("def whatever(): ...", []),
    ],
)
def test_faults_are_found_in_docstrings_comments_and_names_of_tests(
    source: str, rules: list[str], tmp_path: Path
) -> None:
    module = tmp_path / "module.py"
    module.write_text(source, "utf-8")
    assert [fault.rule for fault in faults_of(module)] == rules


@pytest.mark.parametrize(
    ("page", "rules"),
    [
        ("# Title\n\nIt gives way.\n", ["says «gives way»"]),
        (f"- {'word ' * 20}\n- {'word ' * 20}\n", []),
        (f"| {'cell ' * 40} |\n|---|\n", []),
        (f"```\n{'code ' * 40}\n```\n", []),
        (f"[{'word ' * 26}](where.md) is long.\n", ["28 words"]),
    ],
)
def test_faults_are_found_in_pages(page: str, rules: list[str], tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(page, "utf-8")
    assert [fault.rule for fault in faults_of(path)] == rules


def test_a_passage_is_split_into_sentences() -> None:
    passage = "Return `a. b`. Raises:\n\n- One (e.g. this) thing.\n- Another? Yes."
    assert sentences_of(passage) == ["Return `a. b`.", "Raises:", "One (e.g. this) thing.", "Another?", "Yes."]
