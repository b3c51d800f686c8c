"""`make release` twice, in different folders; then what docs/releasing.md says to do with the artefacts."""

import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from deldokument import __version__
from release.provenance import digest
from tests.architecture.rules import ROOT
from tests.release.test_parts import PAGE, matches, verified
from tests.support.deployment.operating_page import fenced, section

pytestmark = [pytest.mark.large, pytest.mark.timeout(3600)]

FOLDERS = ("first", "second/deeper")


@pytest.fixture(scope="module")
def releases(release_key: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of artefacts, each built in a clone of this checkout's commit."""
    tagger = {"GIT_COMMITTER_NAME": "Maintainer", "GIT_COMMITTER_EMAIL": "maintainer@del.example"}
    clones = [tmp_path_factory.mktemp("release") / name for name in FOLDERS]
    for clone in clones:
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        subprocess.run(
            ["make", "release", f"KEY={release_key}", "WITHOUT_IMAGE=1"], cwd=clone, check=True, env=os.environ | tagger
        )
    return [clone / "dist" for clone in clones]


@pytest.fixture
def release(releases: list[Path]) -> Path:
    return releases[0]


def test_two_builds_in_different_folders_give_the_same_bytes(releases: list[Path]) -> None:
    first, second = ({path.name: path.read_bytes() for path in one.iterdir()} for one in releases)
    assert first.keys() == second.keys()
    assert [name for name, content in first.items() if content != second[name]] == ["SHA256SUMS.sig"]


@pytest.mark.parametrize("tool", ["With openssl", "With cosign"])
def test_the_commands_of_the_page_accept_the_release_and_no_changed_byte(
    image: Path, release_key: Path, tool: str
) -> None:
    public = release_key.with_suffix(".pub")
    assert verified(image.parent, public, tool)
    with image.open("r+b") as changed:
        first = changed.read(1)
        try:
            changed.seek(0)
            changed.write(bytes([first[0] ^ 1]))
            changed.flush()
            assert not verified(image.parent, public, tool)
        finally:
            changed.seek(0)
            changed.write(first)


def test_the_provenance_has_every_artefact_of_the_release_with_its_digest_and_no_other(image: Path) -> None:
    provenance = image.with_name(image.name.replace("image.tar", "provenance.json"))
    subjects = {one["name"]: one["digest"]["sha256"] for one in json.loads(provenance.read_text("utf-8"))["subject"]}
    beside = {provenance.name, "SHA256SUMS", "SHA256SUMS.sig"}
    assert image.name in subjects
    assert subjects == {path.name: digest(path) for path in image.parent.iterdir() if path.name not in beside}


def test_ones_own_build_without_an_image_matches_the_release(image: Path, release: Path) -> None:
    assert matches(image.parent, release)
    differing = {
        path.name for path in release.iterdir() if path.read_bytes() != image.with_name(path.name).read_bytes()
    }
    assert differing == {f"deldokument-{__version__}-provenance.json", "SHA256SUMS", "SHA256SUMS.sig"}


def test_the_page_lists_every_artefact_and_no_other(image: Path) -> None:
    rows = section("Building", PAGE).split("|---|---|\n", 1)[1].split("\n\n", 1)[0].splitlines()
    listed = [name for row in rows for name in row.split("|")[1].strip().replace("`", "").split(", ")]
    files = [path.name.replace(__version__, "VERSION") for path in image.parent.iterdir()]
    assert {name.split("wheelhouse-")[0] for name in files} == {name.split("wheelhouse-")[0] for name in listed}


def test_a_machine_without_a_network_installs_the_release(release: Path, tmp_path: Path) -> None:
    [commands] = fenced(section("Installing without a network", PAGE), "bash")
    script = f"set -euo pipefail\n{commands.replace('/opt/', f'{tmp_path}/')}"
    # In a copy, because it unpacks into the folder.
    folder = shutil.copytree(release, tmp_path / "release")
    # The wheelhouse is for the Python that built it. A network namespace of its own has not even loopback.
    environment = os.environ | {"PATH": f"{ROOT}/.tools/bin:{os.environ['PATH']}"}
    subprocess.run(["unshare", "--net", "bash", "-c", script], cwd=folder, check=True, env=environment)
    program = tmp_path / f"deldokument-{__version__}/bin/deldokument"
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    assert said.strip() == __version__
    assert (folder / "deploy/env.example").is_file()


def test_the_sboms_name_what_the_wheelhouse_and_the_browser_get(release: Path) -> None:
    def names(kind: str) -> set[str]:
        document = json.loads((release / f"deldokument-{__version__}-{kind}.cdx.json").read_text("utf-8"))
        return {component["name"].lower() for component in document["components"]}

    assert {"sqlalchemy", "cryptography", "httpx", "hvac"} <= names("python")
    assert "tus-js-client" in names("npm")


def test_the_source_has_committed_files_and_no_others(release: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=release.parent, check=True, capture_output=True, text=True).stdout
    with tarfile.open(release / f"deldokument-{__version__}.tar.gz") as source:
        packed = {name.partition("/")[2] for name in source.getnames()}
    assert packed - set(listed.split("\n")) == {"PKG-INFO"}


def test_the_wheel_has_its_browser_assets(release: Path) -> None:
    names = zipfile.ZipFile(release / f"deldokument-{__version__}-py3-none-any.whl").namelist()
    assert {"deldokument/web/static/app.css", "deldokument/web/static/share.js"} <= set(names)
