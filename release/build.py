"""The clean clone, and the artefacts built in it."""

import os
import platform
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.archives import pack
from release.image import build_image
from release.inventory import licence_texts, npm_packages, wheels
from release.provenance import statement
from release.sbom import cyclonedx

_KIND: Final = "import sys, sysconfig; print('cp%d%d' % sys.version_info[:2], sysconfig.get_platform(), sep='-')"


class Unclean(Exception):
    """The checkout has changes that are not committed: they would not be in the release."""


@dataclass(frozen=True, slots=True)
class Source:
    """A clean clone. ``epoch`` is the time of its commit, in seconds since 1970."""

    root: Path
    commit: str
    epoch: int

    def run(self, *words: str | Path, folder: str = ".") -> str:
        """Run a command in the clone, and return what it prints."""
        fixed = {"SOURCE_DATE_EPOCH": str(self.epoch), "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        return _run(words, self.root / folder, fixed)

    @property
    def version(self) -> str:
        """The version in the source."""
        return version_of(self.root)


def version_of(root: Path) -> str:
    """Return the version in a source."""
    text = (root / "src/deldokument/__init__.py").read_text("utf-8")
    return str(re.findall(r'^__version__ = "(.+)"$', text, re.M)[0])


def build_all(checkout: Path, output: Path, *, image: bool) -> list[str]:
    """Build every artefact of the checked-out commit into an emptied folder; return what was left out.

    Raises: Unclean.
    """
    with cloned(checkout) as source:
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        source.run("scripts/setup", "demo")
        _build_packages(source, output)
        _build_wheelhouse(source, output)
        _describe(source, output)
        left_out = build_image(source.root, output, source.version, source.epoch) if image else []
        _write_provenance(source, output)
    return left_out


@contextmanager
def cloned(checkout: Path) -> Iterator[Source]:
    """Yield a clone of the checked-out commit. Raises: Unclean."""
    if _run(["git", "status", "--porcelain"], checkout, {}):
        raise Unclean("the checkout has changes that are not committed")
    commit = _run(["git", "rev-parse", "HEAD"], checkout, {}).strip()
    epoch = int(_run(["git", "log", "-1", "--format=%ct"], checkout, {}))
    # Modes of files go into the archives: they must not follow the umask of the person who builds.
    before = os.umask(0o022)
    try:
        with tempfile.TemporaryDirectory(prefix="deldokument-release-") as name:
            root = Path(name) / "source"
            _run(["git", "clone", "--quiet", "--no-hardlinks", "--no-checkout", str(checkout), str(root)], checkout, {})
            _run(["git", "checkout", "--quiet", "--detach", commit], root, {})
            yield Source(root, commit, epoch)
    finally:
        os.umask(before)


def _build_packages(source: Source, output: Path) -> None:
    hatchling = source.root / ".venv/bin/hatchling"
    source.run(hatchling, "build", "-t", "sdist", "-t", "wheel", "-d", output)
    source.run(hatchling, "build", "-t", "wheel", "-d", output, folder="client")
    shutil.copy(source.root / "requirements/product.lock", output / "requirements.txt")
    shutil.copy(source.root / "requirements/client.lock", output / "client-requirements.txt")
    pack(source.root / "deploy", output / f"deldokument-{source.version}-deploy.tar", source.epoch)


def _build_wheelhouse(source: Source, output: Path) -> None:
    """Pack all wheels that an installation needs, for the Python and the processor of this machine."""
    python = source.root / ".tools/bin/python"
    folder = source.root / "wheelhouse"
    folder.mkdir()
    download = [str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    # The client's packages are a part of the service's, at the same versions.
    source.run(*download, "--requirement", "requirements/product.lock", "--dest", folder)
    kind = source.run(python, "-c", _KIND).strip()
    pack(folder, output / f"deldokument-{source.version}-wheelhouse-{kind}.tar", source.epoch)


def _describe(source: Source, output: Path) -> None:
    version, epoch = source.version, source.epoch
    python, npm = wheels(source.root / "wheelhouse"), npm_packages(source.root / "frontend/package-lock.json")
    for kind, packages in (("python", python), ("npm", npm)):
        text = cyclonedx(f"deldokument-{kind}", version, packages, epoch)
        (output / f"deldokument-{version}-{kind}.cdx.json").write_text(text, "utf-8")
    browser = (source.root / "src/deldokument/web/static/licences.txt").read_text("utf-8")
    texts = f"{licence_texts(python)}\n{'-' * 80}\n\n{browser}"
    (output / f"deldokument-{version}-licences.txt").write_text(texts, "utf-8")


def _write_provenance(source: Source, output: Path) -> None:
    artefacts = sorted(output.iterdir())
    locks = [*sorted((source.root / "requirements").glob("*.lock")), source.root / "frontend/package-lock.json"]
    python = source.run(source.root / ".venv/bin/python", "-V").strip()
    environment = {"python": python, "platform": sysconfig.get_platform(), "libc": "-".join(platform.libc_ver())}
    text = statement(artefacts, source.commit, locks, environment)
    (output / f"deldokument-{source.version}-provenance.json").write_text(text, "utf-8")


def _run(words: list[str] | tuple[str | Path, ...], folder: Path, environment: Mapping[str, str]) -> str:
    whole = os.environ | dict(environment)
    return subprocess.run(words, cwd=folder, env=whole, check=True, stdout=subprocess.PIPE, text=True).stdout
