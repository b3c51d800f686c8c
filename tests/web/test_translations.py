"""The catalogues against the texts: complete, nothing left over, parameters agree. And how time left is counted."""

import io
import os
import re
from collections.abc import Set
from datetime import datetime
from functools import cache
from pathlib import Path, PurePath

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from deldokument.domain.norwegian_time import OSLO
from deldokument.web.http.responses.error_texts import WORDS
from deldokument.web.http.responses.i18n import Translator, translations

pytestmark = pytest.mark.once

WEB = Path(__file__).parents[2] / "src" / "deldokument" / "web"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS = {"**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}}

Msgid = str | tuple[str, ...]


@cache
def folders_of_use() -> dict[Msgid, PurePath]:
    """Every msgid in code and templates, with the nearest folder that has all its uses; a plural one is a pair.

    Codes of errors, looked up in WORDS, are none.
    """
    keywords = DEFAULT_KEYWORDS | {"text": None}
    folders: dict[Msgid, PurePath] = {}
    for name, _, message, _, _ in extract_from_dir(WEB, method_map=METHODS, options_map=OPTIONS, keywords=keywords):
        if message and message not in WORDS:
            folder = PurePath(name.removeprefix("templates/")).parent
            folders[message] = PurePath(os.path.commonpath([folder, folders.get(message, folder)]))
    return folders


def texts_in_use() -> Set[Msgid]:
    """Every msgid in code and templates."""
    return folders_of_use().keys()


def catalogues(language: str) -> list[tuple[Path, Catalog]]:
    """The language's files, of every folder."""
    paths = sorted((WEB / "locale" / language).rglob("*.po"))
    return [(path, read_po(io.BytesIO(path.read_bytes()), locale=language, abort_invalid=True)) for path in paths]


def translated(language: str) -> dict[Msgid, tuple[str, ...]]:
    """What the language has words for, whole translations only."""
    words: dict[Msgid, tuple[str, ...]] = {}
    for _, catalogue in catalogues(language):
        for message in catalogue:
            strings = message.string if isinstance(message.string, list | tuple) else [message.string]
            whole = tuple(string for string in strings if string)
            if message.id and len(whole) == len(strings) and not message.fuzzy:
                words[_key(message)] = whole
    return words


def _key(message: Message) -> Msgid:
    return message.id if isinstance(message.id, str) else tuple(message.id)


def parameters(text: str) -> set[str]:
    """The parameters that a text names, in gettext's and in the scripts' way of writing them."""
    return set(re.findall(r"%\(\w+\)[a-z]", text)) | set(re.findall(r"\{\w+\}", text))


def test_the_extraction_finds_texts_of_code_and_of_templates() -> None:
    assert {"Shares", "The period ended", "Log in with ID-porten"} <= texts_in_use()
    assert ("%(num)s document", "%(num)s documents") in texts_in_use()


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_the_catalogues_of_all_folders_are_merged(language: str) -> None:
    merged = translations(language)
    for msgid, strings in translated(language).items():
        if isinstance(msgid, str):
            assert (merged.gettext(msgid),) == strings
        else:
            assert tuple(merged.ngettext(*msgid, num) for num in (1, 2)) == strings


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_every_text_is_translated(language: str) -> None:
    missing = texts_in_use() - translated(language).keys()
    assert not missing, f"{len(missing)} texts lack words in {language}: {sorted(map(str, missing))}"


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_no_translation_is_left_over(language: str) -> None:
    unused = translated(language).keys() - texts_in_use()
    assert not unused, f"no page says these any more: {sorted(map(str, unused))}"


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_a_translation_has_the_parameters_of_its_text(language: str) -> None:
    wrong = [
        (msgid, string)
        for msgid, strings in translated(language).items()
        for string in strings
        if parameters(string) != parameters(msgid[-1] if isinstance(msgid, tuple) else msgid)
    ]
    assert not wrong


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_a_text_is_translated_in_one_place(language: str) -> None:
    seen: dict[Msgid, Path] = {}
    twice = []
    for path, catalogue in catalogues(language):
        for message in catalogue:
            msgid = _key(message)
            if msgid and msgid in seen:
                twice.append((msgid, seen[msgid], path))
            seen[msgid] = path
    assert not twice


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_a_translation_lies_in_the_nearest_folder_of_all_that_use_its_text(language: str) -> None:
    misplaced = [
        (message.id, str(path.relative_to(WEB)), str(folder))
        for path, catalogue in catalogues(language)
        for message in catalogue
        if message.id
        and (folder := folders_of_use()[_key(message)]) != path.parent.relative_to(WEB / "locale" / language)
    ]
    assert not misplaced, f"catalogues of another folder have these: {misplaced}"


@pytest.mark.parametrize(
    ("now", "end", "words"),
    [
        ("2026-11-25T00:06", "2026-12-24T11:15", "29 dager"),
        ("2026-11-25T00:59", "2026-12-24T15:30", "29 dager"),
        ("2026-11-24T23:59", "2026-11-26T00:01", "2 dager"),
        ("2026-11-25T00:01", "2026-11-26T23:59", "47 timer"),
        ("2026-11-25T12:00", "2026-11-26T12:00", "24 timer"),
        ("2026-11-24T22:00", "2026-11-25T01:00", "3 timer"),
        ("2026-11-24T22:00", "2026-11-23T22:00", "0 sekunder"),
    ],
)
def test_the_time_left_is_counted_by_the_calendar_as_the_form_counts_it(now: str, end: str, words: str) -> None:
    instants = (datetime.fromisoformat(end).replace(tzinfo=OSLO), datetime.fromisoformat(now).replace(tzinfo=OSLO))
    assert Translator("nb").left(*instants) == words


@pytest.mark.parametrize("language", ["nb", "nn"])
def test_the_operator_has_one_name_and_so_have_the_persons_there(language: str) -> None:
    other = [
        (msgid, string)
        for msgid, strings in translated(language).items()
        for string in strings
        if re.search(r"\boperators?\b(?!\))", str(msgid))
        and not re.search(
            "driftsansvarl" if re.search(r"\b[Aa]n operator\b", str(msgid)) else "driftsoperatør", string.lower()
        )
    ]
    assert not other


def test_nynorsk_has_one_form_of_a_word_that_may_have_two() -> None:
    other = r"\b(blei|vert|(opp)?gje(v|vne)?|difor)\b|teiebelagt"
    found = [text for strings in translated("nn").values() for text in strings if re.search(other, text, re.I)]
    assert found == []
