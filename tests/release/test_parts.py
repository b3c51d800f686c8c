"""The parts of `make release`: the same input gives the same bytes, and the documents say what is in the packages."""

import hashlib
import json
import os
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from release.archives import pack
from release.build import Unclean, cloned
from release.image import build_image
from release.inventory import debian_packages, licence_texts, npm_packages, wheels
from release.provenance import digest, statement
from release.sbom import cyclonedx
from release.signing import sign, tag, write_checksums
from tests.architecture.rules import ROOT
from tests.docs.documents import table
from tests.support.deployment.operating_page import fenced, section

pytestmark = pytest.mark.once

PAGE = (ROOT / "docs/releasing.md").read_text("utf-8")
EPOCH = 1_790_000_000
NPM = npm_packages(ROOT / "frontend/package-lock.json")


def wheel(folder: Path, name: str, fields: str, licence: str = "") -> None:
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nVersion: 1.0\n{fields}\n\nWords.\n")
        if licence:
            archive.writestr(f"{name}-1.0.dist-info/licenses/LICENSE", licence)


def test_a_packed_folder_does_not_depend_on_times_modes_or_the_order_of_writing(tmp_path: Path) -> None:
    packages = []
    for turn, names in enumerate((["a", "sub/b"], ["sub/b", "a"])):
        folder = tmp_path / str(turn) / "wheelhouse"
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
            os.utime(folder / name, (turn, turn))
            (folder / name).chmod(0o600 + turn)
        pack(folder, target := tmp_path / f"{turn}.tar", EPOCH)
        packages.append(target.read_bytes())
    assert packages[0] == packages[1]
    with tarfile.open(tmp_path / "0.tar") as packed:
        assert packed.getnames() == ["wheelhouse/a", "wheelhouse/sub/b"]


def test_each_wheel_is_listed_with_its_hash_and_its_licence(tmp_path: Path) -> None:
    wheel(tmp_path, "Some_Thing", "License-Expression: MIT", "All may use it.")
    wheel(tmp_path, "old", "License: BSD\nClassifier: License :: OSI Approved :: BSD License")
    wheel(tmp_path, "other", "Classifier: License :: OSI Approved :: Apache Software License")
    wheel(tmp_path, "silent", "Summary: nothing")
    found = {package.name: package for package in wheels(tmp_path)}
    assert [(one.licence, one.is_expression) for one in found.values()] == [
        ("MIT", True), ("BSD", False), ("Apache Software License", False), ("see its text", False),
    ]  # fmt: skip
    thing = found["Some_Thing"]
    assert thing.purl == "pkg:pypi/some-thing@1.0"
    assert thing.digest == hashlib.sha256((tmp_path / "Some_Thing-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert "Some_Thing 1.0\nMIT\n\nAll may use it.\n" in licence_texts(list(found.values()))


def test_the_browsers_packages_are_listed_without_the_tools_that_build_them() -> None:
    purls = [package.purl for package in NPM]
    assert any(purl.startswith("pkg:npm/tus-js-client@") for purl in purls)
    assert any(purl.startswith("pkg:npm/%40digdir/designsystemet-css@") for purl in purls)
    assert not any("esbuild" in purl or "typescript" in purl for purl in purls)
    assert {(package.algorithm, len(package.digest)) for package in NPM} == {("SHA-512", 128)}


def test_an_sbom_is_the_same_each_time_and_names_everything_once() -> None:
    first, again = (cyclonedx("deldokument-npm", "1.0.0", NPM, EPOCH) for _ in range(2))
    assert first == again
    document = json.loads(first)
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert document["metadata"]["timestamp"] == "2026-09-21T14:13:20Z"
    references = [component["bom-ref"] for component in document["components"]]
    assert sorted(set(references)) == sorted(references) == document["dependencies"][0]["dependsOn"]
    assert all(component["hashes"] and component["licenses"] for component in document["components"])


def test_the_sbom_of_the_image_has_debian_packages_with_their_sources_in_any_order_of_the_list() -> None:
    lines = ["libc6 2.41-12 amd64 glibc", "libstdc++6 14.2.0-19 amd64 gcc-14", "passwd 1:4.17.4-2 amd64 shadow"]
    one, other = (
        cyclonedx("deldokument-image", "1.0.0", debian_packages("\n".join(listed)), EPOCH)
        for listed in (lines, reversed(lines))
    )
    assert one == other
    components = json.loads(one)["components"]
    assert [component["purl"] for component in components] == [
        "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc",
        "pkg:deb/debian/libstdc++6@14.2.0-19?arch=amd64&distro=debian-13&upstream=gcc-14",
        "pkg:deb/debian/passwd@1%3A4.17.4-2?arch=amd64&distro=debian-13&upstream=shadow",
    ]
    assert components[0]["licenses"] == [{"license": {"name": "see /usr/share/doc/libc6/copyright"}}]
    assert not any("hashes" in component for component in components)


def test_the_provenance_names_the_commit_the_locks_and_each_artefact(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"1")
    lock = ROOT / "requirements/product.lock"
    provenance = json.loads(statement([tmp_path / "a.whl"], "c0ffee", [lock], {"python": "Python 3.13.5"}))
    assert provenance["subject"] == [{"name": "a.whl", "digest": {"sha256": hashlib.sha256(b"1").hexdigest()}}]
    sources = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {"name": "source", "digest": {"gitCommit": "c0ffee"}} in sources
    assert {"name": "product.lock", "digest": {"sha256": digest(lock)}} in sources


def test_one_changed_byte_or_another_key_fails_the_verification(tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "a.whl").write_bytes(b"1")
    write_checksums(folder)
    for name in ("release", "other"):
        make_key(tmp_path / f"{name}.key", tmp_path / f"{name}.pub")
    sign(folder, tmp_path / "release.key")
    assert verified(folder, tmp_path / "release.pub")
    assert not verified(folder, tmp_path / "other.pub")
    (folder / "a.whl").write_bytes(b"2")
    assert not verified(folder, tmp_path / "release.pub")


def test_a_release_is_tagged_once_with_a_signature_of_the_release_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Maintainer")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "maintainer@del.example")
    checkout = tmp_path / "checkout"
    git(tmp_path, "init", "--quiet", str(checkout))
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "x")
    for name in ("release", "other"):
        make_key(tmp_path / f"{name}.key", tmp_path / f"{name}.pub")
        (tmp_path / f"{name}.key").chmod(0o600)
    git(checkout, "tag", "v1.0.0")
    with pytest.raises(subprocess.CalledProcessError):
        tag(checkout, "1.0.0", tmp_path / "release.key")
    git(checkout, "tag", "--delete", "v1.0.0")
    for _ in range(2):
        tag(checkout, "1.0.0", tmp_path / "release.key")
    with pytest.raises(subprocess.CalledProcessError):
        tag(checkout, "1.0.0", tmp_path / "other.key")
    assert tag_verified(checkout, tmp_path / "release.pub")
    assert not tag_verified(checkout, tmp_path / "other.pub")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "y")
    with pytest.raises(subprocess.CalledProcessError):
        tag(checkout, "1.0.0", tmp_path / "release.key")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def tag_verified(checkout: Path, public_key: Path) -> bool:
    """What the page says to do with a tag and the release's public key."""
    script = fenced(section("The tag", PAGE), "bash")[0].replace("deldokument-release.pub", str(public_key))
    return subprocess.run(["bash", "-e", "-c", script], cwd=checkout, check=False, capture_output=True).returncode == 0


def test_ones_own_build_matches_a_release_except_for_the_image_and_what_has_its_checksum(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("release", "own")]
    for folder in folders:
        folder.mkdir()
        (folder / "a.whl").write_bytes(b"1")
        for name in ("d-1-image.tar", "d-1-image.cdx.json", "d-1-provenance.json"):
            (folder / name).write_text(folder.name)
        write_checksums(folder)
    assert matches(*folders)
    (folders[1] / "a.whl").write_bytes(b"2")
    assert not matches(*folders)


def test_a_checkout_with_changes_is_not_released(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "new").touch()
    with pytest.raises(Unclean), cloned(tmp_path):
        pass


def test_an_image_that_cannot_be_built_here_is_named_as_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build_image(tmp_path, tmp_path, "1.0.0", EPOCH) == [
        "LEFT OUT: the container image, which needs podman and mmdebstrap"
    ]


def test_the_page_lists_the_minimum_version_of_each_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    listed = table(PAGE, "Minimum versions")
    assert [f"{name.strip('`')}>={version}" for name, version, _ in listed] == sorted(wanted)


def make_key(private: Path, public: Path) -> None:
    """Create a key by the commands of docs/releasing.md."""
    [commands] = fenced(section("The release key", PAGE), "bash")
    for name, path in (("deldokument-release.key", private), ("deldokument-release.pub", public)):
        commands = commands.replace(name, str(path))
    subprocess.run(["bash", "-euc", commands], check=True, capture_output=True)


def verified(folder: Path, public: Path, tool: str = "With openssl") -> bool:
    """Whether the commands of docs/releasing.md accept the folder."""
    return succeeds(tool, folder, "deldokument-release.pub", public)


def matches(folder: Path, own: Path) -> bool:
    """Whether the command of docs/releasing.md finds in one's own build what is in the folder."""
    return succeeds("Comparing with your own build", folder, "own", own)


def succeeds(heading: str, folder: Path, name: str, path: Path) -> bool:
    """Whether the commands below a heading of docs/releasing.md do in a folder, with a path of the test's."""
    [commands] = fenced(section(heading, PAGE), "bash")
    script = f"set -euo pipefail\n{commands.replace(name, str(path))}"
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, check=False).returncode == 0
