"""No modules import each other in a cycle, not even for types alone or within a function."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.architecture.packages import graph

SEEDED = {
    "for_types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {package} import a\n",
    "in_a_function": "def f():\n    from {package} import a\n    return a\n",
    "of_a_name": "from {package}.a import name\n",
}
"""Imports that close a cycle."""


def cycle(imports: grimp.ImportGraph) -> list[str]:
    """One cycle, each module importing the next; empty without any."""
    by_module = {module: imports.find_modules_directly_imported_by(module) for module in imports.modules}
    try:
        TopologicalSorter(by_module).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert cycle(graph()) == []


@pytest.mark.parametrize("kind", SEEDED)
def test_a_cycle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    package = f"seeded_{kind}"
    contents = {
        "__init__": "",
        "a": f"from {package} import b\n\nname = b\n",
        "b": f"import {package}.c\n",
        "c": SEEDED[kind].format(package=package),
    }
    (tmp_path / package).mkdir()
    for name, text in contents.items():
        (tmp_path / package / f"{name}.py").write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = cycle(grimp.build_graph(package, cache_dir=None))
    assert found[0] == found[-1]
    assert "".join(module[-1] for module in found[1:]) in {"abc", "bca", "cab"}
