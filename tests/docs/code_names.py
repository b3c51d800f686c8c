"""Names of the code on a page: modules, functions, files, routes and make targets, and which of them do not exist."""

import re
from collections.abc import Collection
from pkgutil import resolve_name

from tests.architecture.rules import PACKAGE, ROOT

_SPAN = re.compile(r"`([^`\n]+)`")
_ROUTE = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE) /\S*")
_DOTTED = re.compile(r"[a-z_]+(?:\.\w+)+")


def spans(text: str) -> list[str]:
    """The code spans of a page."""
    return _SPAN.findall(text)


def missing(text: str, routes: Collection[str], words: Collection[str]) -> list[str]:
    """Code spans that name nothing in the repository. ``words`` are spans that are not meant as such names."""
    return [span for span in spans(text) if span not in words and not _exists(span, routes)]


def _exists(span: str, routes: Collection[str]) -> bool:
    if _ROUTE.fullmatch(span):
        return span in routes
    if span.startswith("make "):
        return f"\n{span.removeprefix('make ')}:" in (ROOT / "Makefile").read_text("utf-8")
    if (PACKAGE / span).exists() or (ROOT / span).exists() or (PACKAGE / f"{span}.py").exists():
        return True
    return bool(_DOTTED.fullmatch(span)) and _resolves(f"deldokument.{span}")


def _resolves(name: str) -> bool:
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True
