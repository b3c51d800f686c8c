"""What tests replace with monkeypatch: limits, and the few things that are listed here."""

import ast
import re
from collections import Counter

import pytest

from tests.architecture.rules import ROOT

LISTED = Counter(
    {
        # A call that is delayed or counted, but still made.
        "tests/api/test_idempotency.py: deldokument.services.shares.drafts.api_drafts.create_draft": 2,
        "tests/api/test_idempotency.py: deldokument.web.http.idempotency.renew_request": 1,
        "tests/services/shares/display/test_queries.py: subject_number": 1,
        # A fake that is slow once.
        "tests/services/shares/recipients/test_organization_names.py: find": 1,
        # Simulates two at once: one has checked, and the other has created the file since.
        "tests/contract/documents/test_signing.py: exists": 1,
        # A system that cannot start more threads.
        "tests/services/test_loops.py: start": 1,
        # Standard input, and the folder for temporary files.
        "tests/cli/test_shares.py: sys.stdin": 2,
        "tests/contract/blobs/test_s3.py: tempfile.tempdir": 1,
        # A safeguard is switched off, to check that the attack detects that.
        "tests/attacker/database/test_generated.py: is_row_tag": 1,
        # Separate lanes for a server in this process, and limits of the byte path.
        "tests/matrix/test_matrix.py: lanes": 2,
        "tests/matrix/test_matrix.py: name": 1,
    }
)
_LIMIT = re.compile(r"_?[A-Z][A-Z0-9_]*|_[a-z_]+_seconds|\{limit\}")


def patched(source: str) -> list[str]:
    """What a module replaces: the names given to ``monkeypatch.setattr``, without those of limits (constants)."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "monkeypatch.setattr":
            first = node.args[0]
            by_path = isinstance(first, ast.Constant | ast.JoinedStr) or len(node.args) == 2
            name = ast.unparse(first if by_path else node.args[1]).removeprefix("f").strip("'\"")
            if not _LIMIT.fullmatch(name.rpartition(".")[2]):
                names.append(name)
    return names


def all_patched() -> Counter[str]:
    found: Counter[str] = Counter()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if "node_modules" not in path.parts:
            found.update(f"{path.relative_to(ROOT)}: {name}" for name in patched(path.read_text("utf-8")))
    return found


def test_tests_patch_only_limits_and_listed_exceptions() -> None:
    assert all_patched() == LISTED


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('monkeypatch.setattr("deldokument.web.api.middleware.BODY_SECONDS", 0.0)', []),
        ('monkeypatch.setattr(overview, "_PAGE", 1)', []),
        ('monkeypatch.setattr(f"deldokument.web.http.responses.rate_limit.{limit}", 0)', []),
        ('monkeypatch.setattr("services.submitting.create_draft", held)', ["services.submitting.create_draft"]),
        ('monkeypatch.setattr(register, "find", slow)', ["find"]),
        ("monkeypatch.setattr(name, value)", ["name"]),
    ],
)
def test_patched_names_are_found(source: str, names: list[str]) -> None:
    assert patched(source) == names
