"""Input of secrets, and output of results: a table for people, JSON for programs.

Guarantees:
- A person's number is never an argument, which every user of the machine could see.
- With ``--json``, standard output has only JSON: one value, or one on each line for results that arrive one by one.
- A file that a command writes replaces no other file, and is complete or absent.
- Every result can be printed, even if the terminal's encoding lacks its letters: a password is shown only once.
"""

import codecs
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.table import Table

_ESCAPE = "deldokument.escape"
_MAX_WIDTH = 10_000
TAKES_IDS = {"ignore_unknown_options": True}
"""Context settings of commands with ids: an id may begin with a hyphen without being an option."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Row = dict[str, Any]


def given_options(**options: Any) -> dict[str, Any]:
    """Return the command's options; those that were not given are None."""
    return {name: value for name, value in options.items() if value is not None}


def ask_number() -> str:
    """Return a person's number: prompted without echo in a terminal, otherwise one line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Fødselsnummer or D-nummer", hide_input=True))
    return sys.stdin.readline().strip()


def say_rows(columns: Sequence[str], rows: Sequence[Row], *, as_json: bool) -> None:
    """Print a list. ``columns`` are the keys of the table; JSON has all keys."""
    if as_json:
        _print_json(list(rows))
        return
    table = Table()
    for column in columns:
        # A part of an id is useless, so ids are never cut off, however narrow the table is.
        table.add_column(column.replace("_", " ").capitalize(), no_wrap=column == "id", overflow="fold")
    for row in rows:
        table.add_row(*(_format_value(row[column]) for column in columns))
    console = _plain_console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        # For grep and awk, a row must be one line.
        console.width = _MAX_WIDTH
    console.print(table)


def say_one(row: Row, *, as_json: bool) -> None:
    """Print one object with all its fields."""
    if as_json:
        _print_json(row)
        return
    for key, value in row.items():
        _plain_console().print(f"{key}: {_format_value(value)}", soft_wrap=True)


def say_line(row: Row) -> None:
    """Print one object as a line of JSON, and flush it, so that a reader receives it at once."""
    print(json.dumps(row, default=_plain, ensure_ascii=False), flush=True)  # noqa: T201 - it is what was asked for


def say_changed(row: Row, *, as_json: bool) -> None:
    """Print the object that a command has created or changed: its id if it has one, otherwise or as JSON all of it."""
    if as_json or "id" not in row:
        say_one(row, as_json=as_json)
    else:
        say_text(row["id"])


def say_text(words: object) -> None:
    """Print one line."""
    _plain_console().print(words, soft_wrap=True)


def escape_unknown_letters() -> None:
    """Escape letters that the encoding of standard output or error lacks, as JSON does, instead of failing."""
    codecs.register_error(_ESCAPE, _escape)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ESCAPE)


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file for writing; remove it if that fails. Raises: OSError, also if the file exists."""
    file = path.open("xb")
    try:
        # Closing writes the rest of the buffer, which fails if the disk is full.
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def say_error(words: str) -> None:
    """Print one line on standard error."""
    _plain_console(stderr=True).print(f"deldokument: {words}", soft_wrap=True)


def _plain_console(*, stderr: bool = False) -> Console:
    """Return a console that prints text unchanged: Rich would read [brackets] as markup and :colons: as emoji."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def _format_value(value: Any) -> str:
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
    """Return instants and dates in ISO 8601, durations in whole seconds, and anything else as text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return str(value)
