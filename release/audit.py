"""`make audit`: known vulnerabilities in the locked packages of Python and npm.

Exit status: 0 none is known, 1 at least one is known, 3 not checked, because no feed answered for every package.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

NONE_KNOWN, FOUND, NOT_CHECKED = 0, 1, 3
_PIP: Final = (
    ".venv-audit/bin/pip-audit --requirement requirements/product.lock --require-hashes --no-deps --disable-pip"
    " --format json --progress-spinner off"
)
_NPM: Final = ".venv/bin/npm audit --json --omit=dev --prefix frontend"


class NotChecked(Exception):
    """The feed did not answer for every package."""


def python_findings(report: str) -> list[str]:
    """Return the vulnerabilities in a report of pip-audit. Raises: NotChecked."""
    packages = _object(report).get("dependencies")
    if not packages:
        raise NotChecked("pip-audit reports no package")
    # pip-audit succeeds, and says that no vulnerability is known, when an index knows nothing of a package.
    if skipped := [package["name"] for package in packages if "skip_reason" in package]:
        raise NotChecked(f"the feed knows nothing of {len(skipped)} of {len(packages)} packages")
    return [f"{one['name']} {one['version']}: {found['id']}" for one in packages for found in one["vulns"]]


def npm_findings(report: str) -> list[str]:
    """Return the vulnerabilities in a report of npm. Raises: NotChecked."""
    found = _object(report).get("vulnerabilities")
    if not isinstance(found, dict):
        raise NotChecked("npm got no report")
    return [f"{name}: {entry['severity']}" for name, entry in sorted(found.items())]


def outcome(checks: dict[str, Callable[[], list[str]]]) -> tuple[int, list[str]]:
    """Return the exit status and the lines to print of all checks."""
    lines, found, unchecked = [], False, False
    for name, check in checks.items():
        try:
            findings = check()
        except NotChecked as error:
            unchecked = True
            lines.append(f"NOT CHECKED: {name}: {error}")
            continue
        found = found or bool(findings)
        lines += [f"{name}: {finding}" for finding in findings] or [f"{name}: no known vulnerability"]
    return FOUND if found else NOT_CHECKED if unchecked else NONE_KNOWN, lines


def _object(report: str) -> dict[str, Any]:
    try:
        read = json.loads(report)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise NotChecked("the tool wrote no report")
    return read


def _report(command: str) -> str:
    # Both tools exit with 1 for a finding and for a failure: only the report tells them apart.
    return subprocess.run(command.split(), stdout=subprocess.PIPE, text=True, check=False).stdout


def main() -> int:
    """Run both tools, and print what they found."""
    status, lines = outcome(
        {"Python": lambda: python_findings(_report(_PIP)), "npm": lambda: npm_findings(_report(_NPM))}
    )
    print(*lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
