"""Every line that the program logs at WARNING or above, read from its code. Run as a program to update docs/log.md:

    python -m tests.docs.log_lines

It keeps the rows of lines that still exist, removes the others, and adds new rows, whose meaning must then be written.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.documents import DOCS, ROOT, table

PAGE, HEADING = DOCS / "log.md", "Lines"
_LEVELS = {"warning": "WARNING", "error": "ERROR", "exception": "ERROR", "critical": "CRITICAL"}
_LOGGERS = {"log", "logger", "logging"}


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """A line: its logger, its level and its template."""

    logger: str
    level: str
    template: str


def log_lines() -> list[LogLine]:
    """Return the lines of the whole product, each once."""
    found = {line for path in (ROOT / "src").rglob("*.py") for line in lines_of(path.read_text("utf-8"))}
    return sorted(found)


def lines_of(source: str) -> Iterator[LogLine]:
    """Yield the lines of a module."""
    tree, logger = ast.parse(source), logger_of(source)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=level), args=[first, *_]) if (
                name in _LOGGERS and level in _LEVELS
            ):
                template = first.value if isinstance(first, ast.Constant) else ast.unparse(first)
                yield LogLine(logger, _LEVELS[level], str(template))
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log"), attr="log"),
                args=[level, ast.Constant(value=template), *_],
            ) if "ERROR" in ast.unparse(level):
                yield LogLine(logger, "ERROR", str(template))


def logger_of(source: str) -> str:
    """Return the name of a module's logger: its own, or one that it imports from another module."""
    if own := re.search(r'^log = logging\.getLogger\("([\w.]+)"\)$', source, re.M):
        return own[1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "log" for alias in node.names):
            return logger_of((ROOT / "src" / f"{str(node.module).replace('.', '/')}.py").read_text("utf-8"))
    return "root"


def documented(page: str) -> dict[LogLine, tuple[str, str]]:
    """Return meaning and action of each line on the page."""
    rows = (row for row in table(page, HEADING))
    return {LogLine(row[0].strip("`"), row[1], row[2].strip("`")): (row[3], row[4]) for row in rows}


def updated(page: str, lines: list[LogLine]) -> str:
    """Return the page with exactly these rows."""
    known = documented(page)
    rows = [
        f"| `{line.logger}` | {line.level} | `{line.template}` | {' | '.join(known.get(line, ('', '')))} |"
        for line in lines
    ]
    before, _, rest = page.partition(f"## {HEADING}\n")
    head, _, after = rest.partition("|---|---|---|---|---|\n")
    after = re.sub(r"^(\|.*\n)*", "", after)
    return f"{before}## {HEADING}\n{head}|---|---|---|---|---|\n" + "".join(f"{row}\n" for row in rows) + after


def update(path: Path = PAGE) -> None:
    path.write_text(updated(path.read_text("utf-8"), log_lines()), "utf-8")


if __name__ == "__main__":
    update()
