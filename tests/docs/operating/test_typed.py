"""No command is on the operator's pages that nobody types: those of tests/large do, on bare machines."""

import re

from tests.support.deployment.operating_page import BLOCKS, PAGE, ROOT, fenced, section

_TYPED = re.compile(r'\b(blocks|lines)\("([^"]+)"')
_KINDS = {"blocks": "bash", "lines": "ini"}
_OTHER_PROGRAMS = {"haproxy", "pgbouncer", "sql", "text", "yaml"}
"""Settings that nobody types here; test_management_page and tests/deployment/test_postgresql compare or use them."""


def untyped(page: str, typists: str) -> list[str]:
    """The blocks below headings that the sources of tests do not name."""
    named = set(_TYPED.findall(typists))
    typed = [block for verb, heading in named for block in fenced(section(heading, page), _KINDS[verb])]
    return [block for kind in _KINDS.values() for block in fenced(page, kind) if block not in typed]


def test_every_command_and_every_setting_of_the_page_is_typed_by_a_test() -> None:
    tests = ROOT / "tests"
    typists = [
        *(tests / "large").glob("test_machine*.py"),
        *(tests / "support" / "deployment" / f"{n}.py" for n in ("operating_page", "machine_setup")),
    ]
    left = untyped(PAGE, "".join(path.read_text("utf-8") for path in typists))
    assert [block for block in left if block not in BLOCKS] == []


def test_nothing_else_on_the_page_looks_like_commands() -> None:
    assert set(re.findall(r"^ *```(\w*)$", PAGE, re.M)) == {"", *_KINDS.values(), *_OTHER_PROGRAMS}
    assert re.findall(r"\n\n {4}\S.*", PAGE) == []


def test_what_nobody_types_is_found() -> None:
    page = "## A\n\n```bash\none\n```\n\n### B\n\n   ```bash\n   two\n   ```\n\n## C\n\n```ini\nX=1\n```\n"
    assert untyped(page, 'blocks("A") lines("C")') == []
    assert untyped(page, 'blocks("B")') == ["one\n", "X=1\n"]
