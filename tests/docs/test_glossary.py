"""The code uses the glossary's words."""

from __future__ import annotations

import pytest

from tests.architecture.rules import PACKAGE
from tests.docs.documents import DOCS, table
from tests.docs.glossary import unwanted_names, unwanted_words

WORDS = unwanted_words()


@pytest.mark.parametrize("package", ["domain", "services"])
def test_names_use_the_words_of_the_glossary(package: str) -> None:
    paths = sorted((PACKAGE / package).rglob("*.py"))
    assert paths
    found = [f"{path.name}: {name}" for path in paths for name in unwanted_names(path.read_text("utf-8"), WORDS)]
    assert found == []


def test_the_glossary_names_what_the_domain_has() -> None:
    identifiers = " ".join(row[1] for row in table((DOCS / "glossary.md").read_text("utf-8"), "Words"))
    for name in ("Tenant", "Account", "Member", "Share", "Document", "Recipient", "Upload", "Part", "Receipt"):
        assert f"`{name}`" in identifiers


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
        "def check_file_name(): ...",
        "def withdraw_share(): ...",
        "def access_packages(): ...",
        "class Blocking: ...",
        "def f():\n    chunk = 1",
    ],
)
def test_the_glossarys_words_pass(source: str) -> None:
    assert unwanted_names(source, WORDS) == []
