"""Each package's docstring lists what is in the package, and what the package may import."""

from pathlib import Path

import pytest

from tests.architecture.packages import contents, docstring, imports_of, listed, names_after, packages

PACKAGES = packages()
LIMITED = {name: names for name in PACKAGES if (names := names_after(docstring(PACKAGES[name]), "May import"))}


def test_a_packages_docstring_lists_exactly_its_modules_and_subpackages() -> None:
    for name, folder in PACKAGES.items():
        assert sorted(listed(docstring(folder))) == contents(name, folder), name


def test_a_packages_docstring_begins_with_one_line() -> None:
    for name, folder in PACKAGES.items():
        first, *rest = docstring(folder).splitlines()
        assert first.endswith("."), name
        assert rest[:1] == [""], name


@pytest.mark.parametrize("name", LIMITED)
def test_a_package_imports_only_what_its_docstring_permits(name: str) -> None:
    own = name.partition(".")[0]
    assert {target.partition(".")[0] for target in imports_of(name)} - {own} <= LIMITED[name]


@pytest.mark.parametrize("name", ["adapters", "bootstrap", "config", "ports", "services", "web"])
def test_a_layers_docstring_says_what_it_may_import(name: str) -> None:
    assert name in LIMITED


@pytest.mark.parametrize("name", ["web.pages", "web.api", "web.ks"])
def test_pages_api_and_ks_interface_say_that_they_do_not_import_each_other(name: str) -> None:
    others = {"web.pages", "web.api", "web.ks"} - {name}
    assert names_after(docstring(PACKAGES[name]), "Never imports") == others
    assert not {target for target in imports_of(name) if target.startswith(tuple(others))}


@pytest.mark.parametrize("name", ["client", "server", "simulators"])
def test_a_package_that_says_so_imports_nothing_else_of_the_product(name: str) -> None:
    assert "Imports nothing else of Del dokument" in docstring(PACKAGES[name])
    assert imports_of(name) == set()


def test_a_module_that_is_listed_twice_or_in_two_lines_is_found() -> None:
    text = "A package.\n\n- `a`: one\n- `a`: again\n- `b`:\n  in two lines\nand `c`: in a sentence\n"
    assert listed(text) == ["a", "a"]


def test_modules_and_subpackages_are_found_without_folders_of_data(tmp_path: Path) -> None:
    for name in ("__init__.py", "one.py", "sub/__init__.py", "templates/page.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert contents("any", tmp_path) == ["one", "sub"]


def test_a_folder_of_modules_without_a_docstring_has_none(tmp_path: Path) -> None:
    assert docstring(tmp_path) == ""
    (tmp_path / "__init__.py").write_text('"""A package.\n\nMay import: `domain`, `ports`.\n"""\n')
    assert names_after(docstring(tmp_path), "May import") == {"domain", "ports"}
    assert names_after(docstring(tmp_path), "Never imports") is None
