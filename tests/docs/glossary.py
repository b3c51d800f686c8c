"""The glossary as rules: which identifiers must exist, and which words names must not contain."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.docs.documents import DOCS, table

WORDS_PAGE = Path(__file__).with_name("words.md")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")

_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")

_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class UnwantedWord:
    """A word with the word to say instead. ``exceptions`` are parts of names in which it is allowed."""

    word: str
    instead: str
    classes_only: bool
    exceptions: tuple[str, ...]

    def is_in(self, name: str, *, is_class: bool) -> bool:
        if self.classes_only and not is_class:
            return False
        plain = snake_case(name)
        for exception in self.exceptions:
            plain = plain.replace(exception, "")
        return bool({self.word, f"{self.word}s"} & set(plain.split("_")))


def unwanted_words() -> list[UnwantedWord]:
    """Return the words that name nothing in domain, ports and services."""
    return _words("Unwanted words")


def metaphors() -> list[UnwantedWord]:
    """Return the words that name nothing in all of the code."""
    return _words("Metaphors")


@dataclass(frozen=True, slots=True)
class RetiredWord:
    """One or more words that named a thing before, with the word to say instead. ``files`` may still contain it."""

    word: str
    instead: str
    files: tuple[str, ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Match the word in lower case, where CamelCase is divided by ``_``."""
        return re.compile(rf"(?<![a-z]){'[_ -]'.join(self.word.split())}s?(?![a-z])")


def retired_words() -> list[RetiredWord]:
    """Return the words that nothing in the code, its tests and the docs contains."""
    return [
        RetiredWord(word=word, instead=instead, files=tuple(re.findall(r"`([^`]+)`", files)))
        for word, instead, files in _rows("Retired words")
    ]


def divided(text: str) -> str:
    """Return a text in lower case, with the words of CamelCase divided by ``_``."""
    return _CAPITAL.sub("_", text).lower()


def identifiers_of(heading: str) -> list[str]:
    """Return the identifiers in the second column of the table under a heading."""
    return [name for row in _rows(heading) for name in re.findall(r"`(\w+)`", row[1])]


def snake_case(name: str) -> str:
    return "_".join(word.lower() for word in _WORD.findall(name))


def unwanted_names(source: str, words: list[UnwantedWord], *, with_variables: bool = False) -> list[str]:
    """Return the names of classes and functions, and of variables if asked, that contain an unwanted word."""
    names = {*definitions(source), *((name, False) for name in variables(source) if with_variables)}
    return [f"{name}: say {w.instead}" for name, is_class in names for w in words if w.is_in(name, is_class=is_class)]


@lru_cache(maxsize=1)
def _nodes(source: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source)))


def definitions(source: str) -> Iterator[tuple[str, bool]]:
    """Yield the name of each class and function, and whether it is a class."""
    for node in _nodes(source):
        if isinstance(node, _Definition):
            yield node.name, isinstance(node, ast.ClassDef)


def variables(source: str) -> Iterator[str]:
    """Yield the name of each parameter, and of each variable and attribute that is assigned."""
    for node in _nodes(source):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def attributes(source: str) -> set[str]:
    """Return the names of a module's annotated fields and of its enumerations' members."""
    targets = [
        target
        for node in _nodes(source)
        if isinstance(node, ast.AnnAssign | ast.Assign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _words(heading: str) -> list[UnwantedWord]:
    return [
        UnwantedWord(
            word=word.removesuffix(" (classes)"),
            instead=instead,
            classes_only=word.endswith(" (classes)"),
            exceptions=tuple(re.findall(r"`(\w+)`", exceptions)),
        )
        for word, instead, exceptions in _rows(heading)
    ]


def words_page() -> str:
    """Return the tables that only tests read, beside them."""
    return WORDS_PAGE.read_text("utf-8")


def _rows(heading: str) -> list[list[str]]:
    return table((DOCS / "glossary.md").read_text("utf-8") + words_page(), heading)
