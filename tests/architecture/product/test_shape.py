"""The code's shape: charters, sizes, time as an argument, a domain that stands alone; each rule is shown to bite."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.rules import (
    CLOCK_PACKAGES,
    PACKAGE,
    ROOT,
    clock_calls,
    crowded,
    dividers,
    foreign_imports,
    missing_charter,
    modules,
    private_imports,
    too_long,
)

Rule = Callable[[str], list[str]]


def in_domain_alone(source: str) -> list[str]:
    return foreign_imports(source, "deldokument.domain")


def breaches(rule: Rule, paths: list[Path]) -> list[str]:
    return [f"{path.relative_to(ROOT)}: {what}" for path in paths for what in rule(path.read_text("utf-8"))]


def test_the_checks_find_modules() -> None:
    assert PACKAGE / "domain" / "shares" / "share.py" in modules()


def test_every_module_has_a_docstring() -> None:
    assert breaches(missing_charter, modules()) == []


def test_modules_and_functions_stay_short() -> None:
    assert breaches(too_long, modules()) == []


@pytest.mark.parametrize("root", [PACKAGE, ROOT / "tests", ROOT / "bench"], ids=["src", "tests", "bench"])
def test_a_folder_has_at_most_16_modules(root: Path) -> None:
    assert crowded(root) == []


def test_a_folder_with_many_modules_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "web"
    folder.mkdir(parents=True)
    for name in ("__init__", *(f"test_{number}" for number in range(16))):
        (folder / f"{name}.py").touch()
    assert crowded(tmp_path / "tests") == []
    (folder / "conftest.py").touch()
    assert crowded(tmp_path / "tests") == ["tests/web has 17 modules"]


def test_no_comment_divides_a_module() -> None:
    paths = [path for name in ("src", "tests", "bench") for path in sorted((ROOT / name).rglob("*.py"))]
    assert breaches(dividers, [path for path in paths if "node_modules" not in path.parts]) == []


def test_no_module_imports_a_private_name_of_another() -> None:
    found = breaches(private_imports, modules())
    assert [one for one in found if not one.endswith(": _ of deldokument.web.http.responses.i18n")] == []


def test_nothing_but_adapters_simulators_and_the_command_line_asks_the_clock() -> None:
    inner = [path for path in modules() if path.relative_to(PACKAGE).parts[0] not in CLOCK_PACKAGES]
    assert breaches(clock_calls, inner) == []


def test_the_domain_imports_the_standard_library_alone() -> None:
    assert breaches(in_domain_alone, sorted((PACKAGE / "domain").rglob("*.py"))) == []


LONG_FUNCTION = "def walk():\n" + "    step()\n" * 60
LONG_WORDS = 'def walk():\n    """' + "Words.\n" * 80 + '"""\n    step()\n'


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (missing_charter, "x = 1\n"),
        (missing_charter, "# A comment is no charter.\nx = 1\n"),
        (too_long, "x = 1\n" * 401),
        (too_long, LONG_FUNCTION),
        (dividers, "x = 1\n    # --- steps ---\n"),
        (private_imports, "from deldokument.domain.shares.share import Share, _BY_URGENCY\n"),
        (too_long, "class A:\n    async " + LONG_FUNCTION.replace("\n", "\n    ").rstrip()),
        (clock_calls, "now = datetime.now(UTC)\n"),
        (clock_calls, "now = datetime.datetime.utcnow()\n"),
        (clock_calls, "today = date.today()\n"),
        (clock_calls, "started = time.time()\n"),
        (clock_calls, "from time import time\n"),
        (clock_calls, "at = field(default_factory=datetime.utcnow)\n"),
        (in_domain_alone, "import sqlalchemy\n"),
        (in_domain_alone, "from deldokument.ports.dependencies import Clock\n"),
        (in_domain_alone, "from deldokument.domains import x\n"),
        (in_domain_alone, "def f():\n    from . import share\n"),
    ],
)
def test_a_breach_is_found(rule: Rule, source: str) -> None:
    assert rule(source)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (missing_charter, ""),
        (missing_charter, '"""What it is for."""\nx = 1\n'),
        (too_long, "x = 1\n" * 400),
        (dividers, "# Ends at midnight -- local time.\nx = 1\n"),
        (private_imports, "from deldokument import __version__\nfrom os import _exit\n"),
        (too_long, LONG_WORDS),
        (clock_calls, "now = clock.now()\n"),
        (clock_calls, "from time import monotonic\nstarted = monotonic()\n"),
        (clock_calls, "def is_open_at(now: datetime) -> bool: ...\n"),
        (in_domain_alone, "import re\nfrom deldokument.domain.shares.share import Share\n"),
    ],
)
def test_conforming_code_passes(rule: Rule, source: str) -> None:
    assert rule(source) == []
