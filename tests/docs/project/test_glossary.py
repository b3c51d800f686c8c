"""The code uses the glossary's words, and the glossary names identifiers that exist."""

from functools import cache
from pathlib import Path

import pytest

from tests.architecture.rules import PACKAGE, ROOT
from tests.docs.glossary import (
    WORDS_PAGE,
    RetiredWord,
    attributes,
    definitions,
    divided,
    identifiers_of,
    metaphors,
    retired_words,
    snake_case,
    unwanted_names,
    unwanted_words,
)

WORDS, METAPHORS, RETIRED = unwanted_words(), metaphors(), retired_words()
FOLDERS = ("src", "tests", "docs", "scripts", "deploy", "release", "bench", "client", "frontend")
CODE = ("src", "tests", "bench")
SUFFIXES = {".py", ".md", ".html", ".ts", ".sql", ".toml", ".json", ".txt", ".sh", ".yml", ".yaml"}


# Not at import: to parse all of the source takes two seconds of each process that collects the tests.
@cache
def sources(folder: Path = PACKAGE) -> dict[Path, str]:
    return {p: p.read_text("utf-8") for p in sorted(folder.rglob("*.py")) if "node_modules" not in p.parts}


@cache
def defined() -> frozenset[str]:
    return frozenset(name for source in sources().values() for name, _ in definitions(source))


@cache
def named() -> frozenset[str]:
    return defined().union(*(attributes(source) for source in sources().values()))


def found_in(folder: Path, **how: bool) -> list[str]:
    words = METAPHORS if how else WORDS
    return [
        f"{path.relative_to(ROOT)}: {name}"
        for path, source in sources(folder).items()
        for name in unwanted_names(source, words, **how)
    ]


@pytest.mark.parametrize("package", ["domain", "ports", "services"])
def test_names_use_the_words_of_the_glossary(package: str) -> None:
    assert (PACKAGE / package).is_dir()
    assert found_in(PACKAGE / package) == []


@pytest.mark.parametrize("folder", CODE)
def test_no_class_function_or_variable_is_named_by_a_metaphor(folder: str) -> None:
    assert sources(ROOT / folder)
    assert METAPHORS
    assert found_in(ROOT / folder, with_variables=True) == []


@pytest.mark.parametrize("exception", [(w.word, e) for w in (*WORDS, *METAPHORS) for e in w.exceptions], ids="-".join)
def test_every_exception_is_still_needed(exception: tuple[str, str]) -> None:
    word, allowed = exception
    assert word in allowed.split("_")
    assert [name for name in named() if allowed in snake_case(name)]


@cache
def texts() -> dict[str, str]:
    """Return code, templates, tests and docs by path, as ``divided`` writes them."""
    paths = [p for folder in FOLDERS for p in (ROOT / folder).rglob("*") if p.suffix in SUFFIXES]
    return {
        str(path.relative_to(ROOT)): divided(path.read_text("utf-8"))
        for path in sorted(paths)
        if "node_modules" not in path.parts and path not in {Path(__file__), WORDS_PAGE}
    }


@pytest.mark.parametrize("retired", RETIRED, ids=lambda retired: str(retired.word))
def test_a_retired_word_is_in_no_file_but_its_exceptions(retired: RetiredWord) -> None:
    assert len(texts()) > 1000
    assert {path for path, text in texts().items() if retired.pattern.search(text)} == set(retired.files)


@pytest.mark.parametrize("text", ["papers_key_id", "PAPERS_KEY", "class PapersKeys:", "the papers key of a tenant"])
def test_a_retired_word_is_found_in_every_spelling(text: str) -> None:
    assert RetiredWord("papers key", "tenant key", ()).pattern.search(divided(text))


@pytest.mark.parametrize("text", ["papers", "key of papers", "newspapers_key", "papers_keyed"])
def test_other_words_than_the_retired_pass(text: str) -> None:
    assert not RetiredWord("papers key", "tenant key", ()).pattern.search(divided(text))


def test_the_identifiers_of_the_words_exist() -> None:
    assert set(identifiers_of("Words")) - set(named()) == set()


@pytest.mark.parametrize("name", identifiers_of("Mechanisms"))
def test_an_identifier_of_the_mechanisms_is_a_class_or_function(name: str) -> None:
    assert name in defined()


def test_each_mechanism_has_one_identifier() -> None:
    identifiers = identifiers_of("Mechanisms")
    assert len(identifiers) >= 20
    assert len(identifiers) == len(set(identifiers))


def test_the_glossary_names_what_the_domain_has() -> None:
    wanted = {"Tenant", "Account", "Member", "Share", "Document", "Recipient", "Upload", "Part", "Receipt"}
    assert wanted <= set(identifiers_of("Words"))


@pytest.mark.parametrize(
    "source",
    [
        "class User: ...",
        "class DocumentFile: ...",
        "def revoke_share(): ...",
        "def list_of_chunks(): ...",
        "class A:\n    def parse_fnr(self): ...",
        "class KontoRepository: ...",
        "async def packages_of(person): ...",
    ],
)
def test_an_unwanted_word_is_found(source: str) -> None:
    assert unwanted_names(source, WORDS)


@pytest.mark.parametrize(
    "source",
    [
        "class Member: ...",
        "class EmailSender: ...",
        "def check_file_name(): ...",
        "def withdraw_share(): ...",
        "class Blocking: ...",
        "def f():\n    chunk = 1",
    ],
)
def test_the_glossarys_words_pass(source: str) -> None:
    assert unwanted_names(source, WORDS) == []


@pytest.mark.parametrize(
    "source",
    [
        "def _told(): ...",
        "class Room: ...",
        "def f(standing): ...",
        "def g(*, whose): ...",
        "def check_rooms(): ...",
        "def f():\n    told = 1",
        "for way in ways: ...",
        "self._trouble = None",
        "fate: str",
        "def test_what_is_told(): ...",
    ],
)
def test_a_metaphor_is_found(source: str) -> None:
    assert unwanted_names(source, METAPHORS, with_variables=True)


@pytest.mark.parametrize("source", ["def connection_made(): ...", "class Standardized: ...", "one.told()"])
def test_other_words_and_names_of_others_pass(source: str) -> None:
    assert unwanted_names(source, METAPHORS, with_variables=True) == []
