"""Rules about the code's shape as functions from a module's text to what is wrong with it; empty when nothing is."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "deldokument"
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_FOLDER_MODULES = 16
CLOCK_PACKAGES = ("adapters", "simulators", "cli")

Function = ast.FunctionDef | ast.AsyncFunctionDef

_CLOCK_CALL = re.compile(
    r"(^|\.)(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|gmtime|localtime|ctime))$"
)
_DIVIDER = re.compile(r"\s*#\s*([-=─*])\1{2,}")
_CLOCK_NAMES = {"time", "time_ns", "gmtime", "localtime", "ctime"}


def modules() -> list[Path]:
    """Every module of the product."""
    return sorted(PACKAGE.rglob("*.py"))


def missing_charter(source: str) -> list[str]:
    """A module opens with what it is for; an empty one needs no words."""
    if not source.strip() or ast.get_docstring(ast.parse(source)):
        return []
    return ["no docstring says what this module is for"]


def too_long(source: str) -> list[str]:
    """Modules have at most 400 lines, functions at most 60, their docstrings not counted."""
    found = []
    if (length := len(source.splitlines())) > MAX_MODULE_LINES:
        found.append(f"{length} lines")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function) and (length := _length(node)) > MAX_FUNCTION_LINES:
            found.append(f"{node.name} has {length} lines")
    return found


def crowded(root: Path) -> list[str]:
    """Return the folders below ``root`` with more than 16 modules. `__init__.py` is not counted."""
    counts = Counter(path.parent for path in root.rglob("*.py") if path.name != "__init__.py")
    return [
        f"{folder.relative_to(root.parent)} has {count} modules"
        for folder, count in sorted(counts.items())
        if count > MAX_FOLDER_MODULES
    ]


def dividers(source: str) -> list[str]:
    """Return the comment lines that only divide a module. What needs one is a module of its own."""
    lines = enumerate(source.splitlines(), start=1)
    return [f"line {number}: a divider" for number, line in lines if _DIVIDER.match(line)]


def clock_calls(source: str) -> list[str]:
    """Time is an argument or a port: nothing asks the machine's clock by itself."""
    return [f"line {line}: {name}" for line, name in _clock_calls(ast.parse(source))]


def private_imports(source: str) -> list[str]:
    """Imports of another module's private names."""
    return [
        f"line {node.lineno}: {alias.name} of {node.module}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("deldokument")
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]


def foreign_imports(source: str, own: str) -> list[str]:
    """Imports of anything but the standard library and the package ``own``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "."]
        found += [
            f"line {node.lineno}: {name}"
            for name in names
            if name.split(".")[0] not in sys.stdlib_module_names and name != own and not name.startswith(f"{own}.")
        ]
    return found


def _length(function: Function) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _clock_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call | ast.keyword):
            callee = node.func if isinstance(node, ast.Call) else node.value
            if _CLOCK_CALL.search(name := ast.unparse(callee)):
                yield node.lineno, name
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in _CLOCK_NAMES)
