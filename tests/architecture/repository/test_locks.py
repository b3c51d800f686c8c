"""The locks: every dependency is pinned and hashed, and no registry is named, so that any mirror serves."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.rules import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
_PIN = re.compile(r"^([a-z0-9._-]+)==([^\s;]+)(?: ;[^\\]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M)


def pins(lock: str) -> dict[str, list[Version]]:
    found: dict[str, list[Version]] = {}
    for name, version, _hashes in _PIN.findall(lock):
        found.setdefault(canonicalize_name(name), []).append(Version(version))
    return found


def unpinned(wanted: Iterable[str], lock: str) -> list[str]:
    have = pins(lock)
    requirements = [Requirement(text) for text in wanted]
    return [
        str(requirement)
        for requirement in requirements
        if not any(requirement.specifier.contains(v) for v in have.get(canonicalize_name(requirement.name), []))
    ]


def unhashed(lock: str) -> list[str]:
    lines = [line for line in lock.splitlines() if line and line[0] not in " #"]
    whole = {match.group(0).splitlines()[0] for match in _PIN.finditer(lock)}
    return [line for line in lines if line not in whole]


def group(name: str) -> Iterator[str]:
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group(entry["include-group"])


def addresses(lock: dict[str, Any]) -> list[str]:
    """Where an npm lock says that a package was fetched from."""
    return [package["resolved"] for package in lock["packages"].values() if "resolved" in package]


def test_the_lock_files_exist() -> None:
    assert [path.name for path in LOCKS] == [
        "audit.lock",
        "bench.lock",
        "client.lock",
        "demo.lock",
        "dev.lock",
        "fuzz.lock",
        "minimum.lock",
        "product.lock",
        "tools.lock",
    ]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_registry_and_hashes_everything(path: Any) -> None:
    text = path.read_text("utf-8")
    assert "://" not in text
    assert unhashed(text) == []


@pytest.mark.parametrize("folder", ["bench", "frontend", "tests/openapi", "tests/provider"])
def test_a_lock_of_node_packages_names_no_registry(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text("utf-8"))
    assert lock["packages"]
    assert addresses(lock) == []


@pytest.mark.parametrize(
    ("name", "file"), [("build", "demo.lock"), ("dev", "dev.lock"), ("bench", "bench.lock"), ("fuzz", "fuzz.lock")]
)
def test_every_dependency_of_the_project_is_pinned(name: str, file: str) -> None:
    wanted = [*PROJECT["project"]["dependencies"], *group(name)]
    assert unpinned(wanted, (ROOT / "requirements" / file).read_text("utf-8")) == []


def test_everything_that_an_installation_needs_is_pinned() -> None:
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["cluster"]]
    assert unpinned(wanted, (ROOT / "requirements" / "product.lock").read_text("utf-8")) == []


def test_the_minimum_versions_are_the_ones_that_are_tested() -> None:
    project = PROJECT["project"]
    wanted = map(Requirement, sum(project["optional-dependencies"].values(), project["dependencies"]))
    have = pins((ROOT / "requirements" / "minimum.lock").read_text("utf-8"))
    minimum = {one.name: Version(str(one.specifier).removeprefix(">=")) for one in wanted}
    assert {name: have[canonicalize_name(name)] for name in minimum} == {name: [one] for name, one in minimum.items()}


@pytest.mark.parametrize("others", ["product.lock", "dev.lock"])
def test_the_client_is_pinned_to_the_versions_of_the_service_and_its_tests(others: str) -> None:
    client, other = (pins((ROOT / "requirements" / name).read_text("utf-8")) for name in ("client.lock", others))
    assert {name: other.get(name) for name in client} == client


def test_everything_that_the_client_needs_is_pinned() -> None:
    wanted = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert unpinned(wanted, (ROOT / "requirements" / "client.lock").read_text("utf-8")) == []


@pytest.mark.parametrize("name", ["demo.lock", "product.lock"])
def test_the_demo_and_an_installation_need_no_test_dependency(name: str) -> None:
    assert not {"pytest", "hypothesis", "playwright", "mypy", "ruff"} & set(
        pins((ROOT / "requirements" / name).read_text("utf-8"))
    )


SAMPLE = "some-thing==1.2 ; python_version < '4' \\\n    --hash=sha256:" + "a" * 64 + "\n    # via x\n"


def test_an_unpinned_an_outdated_and_an_unhashed_dependency_are_found() -> None:
    assert unpinned(["other"], SAMPLE) == ["other"]
    assert unpinned(["some-thing>=2"], SAMPLE) == ["some-thing>=2"]
    assert unpinned(["Some_Thing>=1"], SAMPLE) == []
    assert unhashed("some-thing==1.2\n") == ["some-thing==1.2"]
    assert unhashed(SAMPLE) == []


def test_an_address_in_an_npm_lock_is_found() -> None:
    assert addresses({"packages": {"": {}, "a": {"resolved": "somewhere"}}}) == ["somewhere"]
