"""The Norwegian texts use the glossary's words: pages, e-mails, agreements and templates."""

import io
import re
from functools import cache

import pytest
from babel.messages.pofile import read_po

from deldokument.adapters.documents.texts import PackageLibrary
from deldokument.domain.tenants.agreement import AgreementKind
from tests.architecture.rules import PACKAGE
from tests.docs.documents import table
from tests.docs.glossary import words_page

pytestmark = pytest.mark.once

WORDS = words_page()
TERMS = table(WORDS, "Norwegian texts")
EXCEPTIONS = [text for text, _ in table(WORDS, "Texts with unwanted words")]
UNWANTED = {"nb": 1, "nn": 2}
MODULES = {
    "nb": [
        "services/agreements/signature_page.py",
        "services/notifications/email_texts.py",
        "services/notifications/recipient_texts.py",
        "services/tenants/deletion_certificate.py",
    ],
    "nn": [],
}


def unwanted_words(language: str) -> list[str]:
    return [word for row in TERMS for word in row[UNWANTED[language]].split(", ") if word]


def pattern(words: list[str]) -> re.Pattern[str]:
    """Match whole words, or any ending where a word ends with `*`."""
    whole = "|".join(re.escape(word).replace("\\*", r"\w*") for word in words)
    return re.compile(rf"\b(?:{whole})\b", re.IGNORECASE)


def unwanted_in(text: str, language: str) -> list[str]:
    for exception in EXCEPTIONS:
        text = text.replace(exception, "")
    return pattern(unwanted_words(language)).findall(text)


@cache
def texts(language: str) -> tuple[tuple[str, str], ...]:
    """Return each text with its place: translations, modules with texts, and the newest agreements and templates."""
    found = [(name, (PACKAGE / name).read_text("utf-8")) for name in MODULES[language]]
    for path in sorted((PACKAGE / "web" / "locale" / language).rglob("*.po")):
        for message in read_po(io.BytesIO(path.read_bytes()), locale=language):
            strings = message.string if isinstance(message.string, list | tuple) else [message.string]
            found += [(str(path.relative_to(PACKAGE)), string) for string in strings if message.id]
    if language == "nb":
        library = PackageLibrary()
        found += [(kind.value, library.text(kind, library.versions(kind)[-1]).markdown) for kind in AgreementKind]
    return tuple(found)


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_texts_use_the_words_of_the_glossary(language: str) -> None:
    assert len(texts(language)) > 500
    wrong = [(place, text[:80], unwanted_in(text, language)) for place, text in texts(language)]
    assert [(place, text, words) for place, text, words in wrong if words] == []


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_each_exception_is_in_a_text_and_has_an_unwanted_word(exception: str) -> None:
    languages = [name for name in UNWANTED if any(exception in text for _, text in texts(name))]
    assert any(pattern(unwanted_words(language)).search(exception) for language in languages)


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Nøklene er destruert.", "nb", ["destruert"]),
        ("De som driver tjenesten, har stanset den.", "nb", ["De som driver"]),
        ("Vi som driver tjenesten", "nb", []),
        ("Det er stanset av driftsoperatøren.", "nb", []),
        ("Fila vert lasta opp. Del henne opp.", "nn", ["vert", "henne"]),
        ("Navnet slutter på .pdf.", "nb", []),
    ],
)
def test_words_are_found_whole_and_in_any_case(text: str, language: str, found: list[str]) -> None:
    assert unwanted_in(text, language) == found
