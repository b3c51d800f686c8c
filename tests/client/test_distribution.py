"""The client's own distribution: what its wheel contains and needs, in an environment with nothing else."""

import os
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from deldokument import __version__
from deldokument.cli.sending.sender import COMMANDS
from tests.architecture.rules import ROOT

pytestmark = pytest.mark.once

LOCK = ROOT / "requirements/client.lock"
UV = [str(ROOT / ".tools/bin/uv"), "--offline", "--quiet"]
MAX_PACKAGES = 24
PLAIN = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, check=True, capture_output=True, cwd=ROOT / "client")
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment as docs/client.md makes it; its packages come from the cache that scripts/setup filled."""
    folder = tmp_path_factory.mktemp("sender") / "env"
    there = ["--python", str(folder), "--link-mode", "symlink"]
    uv(*UV, "venv", "--python", sys.executable, str(folder))
    # Not "install", which resolves: the cache lacks metadata if the registry serves none apart from the wheels.
    uv(*UV, "pip", "sync", *there, "--require-hashes", str(LOCK))
    uv(*UV, "pip", "install", *there, "--no-deps", str(wheel))
    return folder


def uv(*words: str) -> str:
    given = os.environ | {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(words, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def deldokument(environment: Path, *words: str) -> str:
    """What the installed program prints, run where the checkout cannot be imported."""
    line = [str(environment / "bin/deldokument"), *words]
    done = subprocess.run(line, cwd=environment, env=os.environ | PLAIN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_the_client_and_no_code_of_the_service(wheel: Path) -> None:
    assert wheel.name == f"deldokument_client-{__version__}-py3-none-any.whl"
    names = [name for name in zipfile.ZipFile(wheel).namelist() if not name.startswith("deldokument_client-")]
    assert {name.split("/")[1] for name in names} == {"__init__.py", "cli", "client", "py.typed"}
    assert {"deldokument/client/jwt_grant.py", "deldokument/cli/sending/sender.py"} <= set(names)
    assert [name for name in names if "__pycache__" in name] == []


def test_the_client_accepts_the_same_versions_as_the_service() -> None:
    def dependencies(path: Path) -> set[str]:
        return set(tomllib.loads(path.read_text("utf-8"))["project"]["dependencies"])

    assert dependencies(ROOT / "client/pyproject.toml") <= dependencies(ROOT / "pyproject.toml")


def test_a_senders_machine_needs_few_packages_and_the_program_works_there(environment: Path) -> None:
    packages = uv(*UV[:2], "pip", "list", "--python", str(environment), "--format", "freeze").split()
    assert "deldokument-client" in {line.partition("==")[0] for line in packages}
    assert len(packages) - 1 <= MAX_PACKAGES
    assert deldokument(environment, "--version").strip() == __version__
    assert set(re.findall(r"^│ (\w[\w-]*) ", deldokument(environment, "--help"), re.M)) == {*COMMANDS, "keys"}
    assert "can be seen by other users of the machine" in deldokument(environment, "share", "--help")


def test_a_senders_machine_can_create_the_key_to_register(environment: Path, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    printed = deldokument(environment, "keys", "create-client", str(path))
    assert '"kid"' in printed
    assert '"d"' not in printed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_library_is_importable_without_the_service(environment: Path) -> None:
    script = "import importlib.util, deldokument.client; assert not importlib.util.find_spec('deldokument.domain')"
    subprocess.run([environment / "bin/python", "-c", script], cwd=environment, check=True)
