"""The glossary as a rule: which words names must not have in them, read from the page that people read."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from tests.docs.documents import DOCS, table

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True)
class UnwantedWord:
    """A word with the word to say instead. ``exceptions`` are parts of names in which it is right."""

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
    """The table of the glossary."""
    rows = table((DOCS / "glossary.md").read_text("utf-8"), "Unwanted words")
    return [
        UnwantedWord(
            word=word.removesuffix(" (classes)"),
            instead=instead,
            classes_only=word.endswith(" (classes)"),
            exceptions=tuple(re.findall(r"`(\w+)`", exceptions)),
        )
        for word, instead, exceptions in rows
    ]


def snake_case(name: str) -> str:
    return "_".join(word.lower() for word in _WORD.findall(name))


def unwanted_names(source: str, words: list[UnwantedWord]) -> list[str]:
    """Names of classes and functions in a module that say it in an unwanted word."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_class = isinstance(node, ast.ClassDef)
            found += [f"{node.name}: say {w.instead}" for w in words if w.is_in(node.name, is_class=is_class)]
    return found
