"""Packages of the product: their docstrings, their modules, and what they import."""

import ast
import re
from functools import cache
from pathlib import Path

import grimp

from tests.architecture.rules import PACKAGE

ROOT_NAME = "deldokument"
WITHOUT_DOCSTRING = {"store.migrations.versions"}
"""Alembic loads its scripts by file name; their numbers and names say what each changes."""

_ITEM = re.compile(r"^- `(\w+)`: \S.*$")
_NAME = re.compile(r"`([\w.]+)`")


def packages() -> dict[str, Path]:
    """Name below the root to folder, of each folder with modules; the root's own name is empty."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    named = {".".join(folder.relative_to(PACKAGE).parts): folder for folder in sorted(folders)}
    return {name: folder for name, folder in named.items() if name not in WITHOUT_DOCSTRING}


def docstring(folder: Path) -> str:
    """The package's docstring; empty without one."""
    module = folder / "__init__.py"
    return (ast.get_docstring(ast.parse(module.read_text("utf-8"))) or "") if module.exists() else ""


def listed(text: str) -> list[str]:
    """Names that a docstring lists, one line each."""
    return [match[1] for line in text.splitlines() if (match := _ITEM.match(line))]


def contents(name: str, folder: Path) -> list[str]:
    """Names of the modules and subpackages in a folder."""
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    within = [path.name for path in folder.iterdir() if any(path.glob("*.py"))]
    return sorted(modules + [one for one in within if f"{name}.{one}".lstrip(".") not in WITHOUT_DOCSTRING])


def names_after(text: str, words: str) -> set[str] | None:
    """Names in the docstring's line that begins with ``words``; None without such a line."""
    found = [line for line in text.splitlines() if line.startswith(f"{words}: ")]
    return set(_NAME.findall(found[0])) if found else None


@cache
def graph() -> grimp.ImportGraph:
    """Every import of the product."""
    return grimp.build_graph(ROOT_NAME, cache_dir=None)


def imports_of(name: str) -> set[str]:
    """Modules outside a package or module that it imports, named below the root."""
    own = f"{ROOT_NAME}.{name}"
    found = {
        target
        for module in {own, *graph().find_descendants(own)}
        for target in graph().find_modules_directly_imported_by(module)
    }
    outside = {one for one in found if one != own and not one.startswith(f"{own}.")}
    return {one.removeprefix(f"{ROOT_NAME}.") for one in outside} - {ROOT_NAME}
