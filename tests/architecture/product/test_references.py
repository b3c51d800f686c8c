"""Modules and classes that docstrings refer to exist under that name."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.architecture.rules import PACKAGE, modules

_PACKAGES = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
_REFERENCE = re.compile(rf"(?<![\w./])((?:{'|'.join(_PACKAGES)})(?:\.[a-z_]+)+)(?:\.([A-Z]\w+))?(?![\w(])")
_KINDS = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def references(source: str) -> Iterator[tuple[str, str]]:
    """Dotted modules below deldokument in docstrings, each with a class of it or an empty string."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _KINDS):
            yield from _REFERENCE.findall(ast.get_docstring(node) or "")


def exists(module: str, name: str) -> bool:
    dotted = f"deldokument.{module}"
    try:
        found = find_spec(dotted) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        owner, _, last = dotted.rpartition(".")
        return find_spec(owner) is not None and hasattr(import_module(owner), last)
    return not name or hasattr(import_module(dotted), name)


def test_references_in_docstrings_exist() -> None:
    found = {(module, name, str(path)) for path in modules() for module, name in references(path.read_text("utf-8"))}
    assert len(found) > 30
    assert [reference for reference in sorted(found) if not exists(*reference[:2])] == []


@pytest.mark.parametrize("text", ["services.audits", "store.shares.shares.Sharings", "adapters.altinn.token"])
def test_a_reference_to_nothing_is_found(text: str) -> None:
    [reference] = references(f'"""See {text}."""')
    assert not exists(*reference)
