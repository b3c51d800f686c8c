"""What lies in the repository: text, and the few binary files that are named here."""

import subprocess
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from tests.architecture.rules import ROOT

BINARY = ("docs/images/*.png", "tests/upgrade/*/deldokument-*.whl", "tests/upgrade/*/deployment.tar.xz")
"""Pictures of the documentation, and earlier versions for the upgrade tests, once there are any."""
_NUL = b"\0"


def files() -> list[str]:
    """Return every file of the repository, committed or not, without the ignored ones."""
    # The tests may run as another user than the owner of the checkout.
    listed = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def is_text(content: bytes) -> bool:
    """Whether it is UTF-8 without NUL."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return _NUL not in content


def strangers(names: Iterable[str], root: Path) -> list[str]:
    """Those that are neither text nor named above."""
    return [
        name
        for name in names
        if not any(fnmatchcase(name, pattern) for pattern in BINARY) and not is_text((root / name).read_bytes())
    ]


def test_the_repository_contains_only_listed_binaries() -> None:
    assert strangers(files(), ROOT) == []


def test_a_wheel_of_somebody_else_is_found(tmp_path: Path) -> None:
    (tmp_path / "py_spy-0.4.3.whl").write_bytes(b"PK\x03\x04\x14\x00")
    (tmp_path / "latin.txt").write_bytes("blåbær".encode("latin-1"))
    (tmp_path / "notes.md").write_text("blåbær", "utf-8")
    assert strangers(["latin.txt", "notes.md", "py_spy-0.4.3.whl"], tmp_path) == ["latin.txt", "py_spy-0.4.3.whl"]


def test_a_wheel_is_ignored_by_git_except_those_of_the_upgrade_tests() -> None:
    kept = "tests/upgrade/9.9.9/deldokument-9.9.9-py3-none-any.whl"
    asked = ["git", "-c", "safe.directory=*", "check-ignore", "--no-index", "somebody-1.0-py3-none-any.whl", kept]
    ignored = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert ignored == ["somebody-1.0-py3-none-any.whl"]
