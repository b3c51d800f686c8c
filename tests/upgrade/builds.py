"""Builds of the source with migrations that a test adds: what the next versions could be."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from deldokument.store.migrations import revisions
from tests.architecture.rules import ROOT

_HEAD = '''"""Made by a test."""

import time

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
'''


def migration(number: int, body: str) -> str:
    """Return the text of the migration that comes ``number`` after the newest; ``body`` has its ``upgrade``."""
    newest = int(revisions()[-1])
    return _HEAD.format(revision=f"{newest + number:04}", before=f"{newest + number - 1:04}") + body


def build(folder: Path, version: str, added: Sequence[str]) -> Path:
    """Build the source with the migrations as a wheel; return the folder of its packages, for PYTHONPATH."""
    source, packages = folder / "source", folder / "packages"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, source / name)
    package = source / "src" / "deldokument"
    for number, text in enumerate(added, start=1):
        name = f"{int(revisions()[-1]) + number:04}_added.py"
        (package / "store" / "migrations" / "versions" / name).write_text(text, "utf-8")
    init = package / "__init__.py"
    init.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', init.read_text("utf-8")), "utf-8")
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(line, cwd=source, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(packages)
    return packages
