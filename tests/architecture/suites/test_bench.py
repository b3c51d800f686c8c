"""No other test runs the benchmarks: here their imports from the product and from test support are looked up."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from bench.capacity import table

ROOT = Path(__file__).resolve().parents[3]
MODULES = sorted((ROOT / "bench").rglob("*.py"))


def exists(module: str, name: str) -> bool:
    """Whether the module has the name, or is a package with a module of that name."""
    if hasattr(import_module(module), name):
        return True
    try:
        import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("module", MODULES, ids=[module.stem for module in MODULES])
def test_a_benchmark_imports_only_names_that_exist(module: Path) -> None:
    statements = [node for node in ast.walk(ast.parse(module.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    ours = [
        (one.module, one) for one in statements if one.module and one.module.split(".")[0] in {"deldokument", "tests"}
    ]
    missing = [f"{of}.{name.name}" for of, one in ours for name in one.names if not exists(of, name.name)]
    assert missing == []


def test_the_sizing_table_of_the_page_equals_what_the_program_computes() -> None:
    assert f"\n{table()}\n" in (ROOT / "docs" / "performance.md").read_text("utf-8")
