"""How commands take what they must not show, and say what they found: a table for people, JSON for programs.

Promises that a person's number is never an argument, which every user of the machine could see, and that ``--json``
prints JSON on standard output and nothing else: one value, or one a line where things come one by one; and that a file
which is asked for takes no other's place and is whole, or not there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.table import Table

TAKES_IDS = {"ignore_unknown_options": True}
"""An id may begin with a hyphen, and is no option for that."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Row = dict[str, Any]


def ask_number() -> str:
    """A person's number: typed without echo at a terminal; from a program, one line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Fødselsnummer or D-nummer", hide_input=True))
    return sys.stdin.readline().strip()


def say_rows(columns: Sequence[str], rows: Sequence[Row], *, as_json: bool) -> None:
    """A list. ``columns`` are the keys that people see; JSON has them all."""
    if as_json:
        _print_json(list(rows))
        return
    table = Table()
    for column in columns:
        # Half an id is good for nothing: however narrow the table, it stands there whole.
        table.add_column(column.replace("_", " ").capitalize(), no_wrap=column == "id", overflow="fold")
    for row in rows:
        table.add_row(*(_shown(row[column]) for column in columns))
    _plain_console().print(table)


def say_one(row: Row, *, as_json: bool) -> None:
    """One thing with all that is known of it."""
    if as_json:
        _print_json(row)
        return
    for key, value in row.items():
        _plain_console().print(f"{key}: {_shown(value)}", soft_wrap=True)


def say_line(row: Row) -> None:
    """One of many things that come one by one, as JSON on a line of its own; whoever reads along has it at once."""
    print(json.dumps(row, default=_plain, ensure_ascii=False), flush=True)  # noqa: T201 - it is what was asked for


def say_changed(row: Row, *, as_json: bool) -> None:
    """What a command has made or changed: its id, or all of it."""
    if as_json:
        _print_json(row)
    else:
        _plain_console().print(row["id"], soft_wrap=True)


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write; nothing of it stays when that fails. Raises OSError, where one is there already, too."""
    file = path.open("xb")
    try:
        # What is still in memory is written when it is closed, which a full disk refuses, too.
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def say_error(words: str) -> None:
    """One line on standard error."""
    _plain_console(stderr=True).print(f"deldokument: {words}", soft_wrap=True)


def _plain_console(*, stderr: bool = False) -> Console:
    """Words are shown as they are: a title may have brackets, which Rich takes for markup, or :colons:, for emoji."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(_plain(value))


def _print_json(value: Any) -> None:
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))  # noqa: T201 - it is what was asked for


def _plain(value: Any) -> Any:
    """Instants and days by ISO 8601, spans in whole seconds."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return value
