"""Which codes of errors are raised in the program, and with which statuses the web answers them.

Run as a program, it brings the list of docs/errors.md up to date.
"""

import ast
from collections import defaultdict
from pathlib import Path

from deldokument.domain import errors
from deldokument.web.http.responses.errors import STATUS, WORDS
from tests.docs.documents import DOCS, table

SOURCE = Path(errors.__file__).parents[1]
FIXED = {"NotFound": "not_found", "InvalidFields": "invalid_fields", "ChecksumMismatch": "checksum_mismatch"}
FIXED |= {"StorageFull": "storage_full", "Broken": "broken", "ScopeMissing": "insufficient_scope", "StalePage": "csrf"}
FIXED |= {"MediaTypeRefused": "media_type"}
"""Errors that have one code each."""
_KINDS = {kind.__name__: status for kind, status in STATUS.items()}
_KINDS["RateLimit"] = _KINDS["RateLimited"]
"""A limit is declared with the code of its error."""


def statuses() -> dict[str, set[int]]:
    """By code. Codes that are put together where they are raised are not among them."""
    found: dict[str, set[int]] = defaultdict(set)
    for name, code in FIXED.items():
        found[code].add(_KINDS[name])
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                _note(found, _name(node.func), node)
            elif isinstance(node, ast.ClassDef):
                for base in node.bases:
                    for call in (inner for inner in ast.walk(node) if isinstance(inner, ast.Call)):
                        if ast.unparse(call.func) == "super().__init__":
                            _note(found, _name(base), call)
    return dict(found)


def _note(found: dict[str, set[int]], kind: str, call: ast.Call) -> None:
    if kind in _KINDS and kind not in FIXED:
        for argument in call.args[kind == "InvalidInput" :][:1]:
            for code in _constants(argument):
                found[code].add(_KINDS[kind])


def _constants(code: ast.expr) -> list[str]:
    if isinstance(code, ast.IfExp):
        return _constants(code.body) + _constants(code.orelse)
    return [str(code.value)] if isinstance(code, ast.Constant) else []


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def write_other_codes(page: Path) -> None:
    """Bring the list of codes that the API does not answer up to date."""
    text = page.read_text("utf-8")
    head, _, _ = text.partition("## Other codes\n")
    known = {row[0].strip("`") for row in table(text, "Codes")}
    found = statuses()
    rows = [f"| `{code}` | {_listed(found.get(code, set()))} |" for code in sorted(WORDS.keys() - known)]
    page.write_text(head + OTHER + "\n".join(rows) + "\n", "utf-8")


def _listed(found: set[int]) -> str:
    return ", ".join(map(str, sorted(found))) or "–"


OTHER = """\
## Other codes

The pages and the KS-compatible interface use these codes. The API returns none of them.

| Code | Status |
|---|---|
"""

if __name__ == "__main__":
    write_other_codes(DOCS / "errors.md")
