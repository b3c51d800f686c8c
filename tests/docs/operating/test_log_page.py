"""The page of the log explains every line at WARNING or above, and no other."""

import re

import pytest

from deldokument.cli.command_log import RECORDED
from tests.docs.log_lines import PAGE, LogLine, documented, lines_of, log_lines, updated


def test_every_warning_and_error_of_the_code_is_explained_and_nothing_else() -> None:
    """If a line is missing: run ``python -m tests.docs.log_lines``, then write its meaning and what to do."""
    rows = documented(PAGE.read_text("utf-8"))
    assert sorted(rows) == log_lines()
    assert [line for line, (meaning, action) in rows.items() if not meaning or not action] == []


def test_the_page_names_the_commands_that_are_recorded() -> None:
    section = PAGE.read_text("utf-8").split("## Commands of operators\n")[1].split("One line")[0]
    assert set(re.findall(r"`([^`]+)`", section)) == RECORDED


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ('log.warning("refuses %s", name)', [LogLine("deldokument.web", "WARNING", "refuses %s")]),
        ('log.exception("failed")', [LogLine("deldokument.web", "ERROR", "failed")]),
        ("log.error(text, 1)", [LogLine("deldokument.web", "ERROR", "text")]),
        ('log.log(logging.ERROR if bad else logging.INFO, "x")', [LogLine("deldokument.web", "ERROR", "x")]),
        ('log.info("recovered")', []),
    ],
)
def test_a_line_is_found_with_its_logger_and_level(call: str, found: list[LogLine]) -> None:
    assert list(lines_of(f'log = logging.getLogger("deldokument.web")\n{call}\n')) == found


def test_a_line_that_has_gone_leaves_the_page_and_a_new_one_keeps_what_was_written() -> None:
    page = "## Lines\n\n| L | L | T | M | D |\n|---|---|---|---|---|\n| `a` | ERROR | `old` | m | d |\n\nEnd.\n"
    kept, new = LogLine("a", "ERROR", "old"), LogLine("b", "WARNING", "new")
    both = updated(page, [kept, new])
    assert documented(both) == {kept: ("m", "d"), new: ("", "")}
    assert updated(both, [new]).endswith("| `b` | WARNING | `new` |  |  |\n\nEnd.\n")
