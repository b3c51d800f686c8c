"""What the commands for senders take and show: numbers, ends, progress, and errors with an exit code each.

Promises that standard output has what was asked for and nothing else, that bars are drawn at a terminal only, and that
ctrl-C ends with everything kept that has been uploaded. Knows the client library and nothing of the service's own code.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as RateColumn

from deldokument.cli.output import say_error
from deldokument.client import Client, ClientError, Interrupted, LocalFile, Refused, To, Unreachable
from deldokument.client.files import collect

EXIT_HERE: Final = 1
EXIT_REFUSED: Final = 3
EXIT_UNREACHABLE: Final = 4
EXIT_INTERRUPTED: Final = 5
_OSLO: Final = ZoneInfo("Europe/Oslo")
_MAX_BARS: Final = 12
_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def connected() -> Iterator[Client]:
    """A client by the environment; errors as one line, with the exit code that belongs to them."""
    try:
        with Client.from_environment() as client, _stoppable(client):
            yield client
    except ClientError as error:
        say_error(str(error))
        raise typer.Exit(_code(error)) from None


def _code(error: ClientError) -> int:
    if isinstance(error, Interrupted):
        return EXIT_INTERRUPTED
    if isinstance(error, Unreachable):
        return EXIT_UNREACHABLE
    return EXIT_REFUSED if isinstance(error, Refused) else EXIT_HERE


@contextmanager
def _stoppable(client: Client) -> Iterator[None]:
    """The first ctrl-C or termination ends in order; the second at once, which loses nothing either."""

    def stop(_: int, __: FrameType | None) -> None:
        for number in _ENDS:
            signal.signal(number, lambda *_: os._exit(EXIT_INTERRUPTED))
        client.stop()

    before = {number: signal.signal(number, stop) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def read_until(text: str) -> datetime:
    """An end as it is typed: a day, to its end in Norway, or an instant, in Norwegian time unless it says another."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=_OSLO)
        if not re.search(r"[T ]\d\d:", text):
            # 20261224 is a day too, but would count from its beginning.
            raise ValueError("no time of the day")
        instant = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter("say YYYY-MM-DD, or YYYY-MM-DDTHH:MM") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=_OSLO)


def read_recipients(
    numbers: Sequence[str], files: Sequence[str], labels: Sequence[str], *, confirmed: bool
) -> list[To]:
    """Recipients of options and files, each once; a dash is standard input."""
    lines = [number for given in numbers if given != "-" for number in given.split(",")]
    for name in [*files, *(given for given in numbers if given == "-")]:
        lines += _lines(name)
    named = dict(_labelled(label) for label in labels)
    found: dict[str, To] = {}
    for line in lines:
        number, _, label = line.partition(";")
        number = _digits(number)
        given = named.pop(number, "")
        found.setdefault(number, To(number, label.strip() or given, True if confirmed else None))
    if named:
        raise typer.BadParameter("--label names somebody who is no recipient")
    if not found:
        raise typer.BadParameter("name a recipient with --to or --to-file")
    return list(found.values())


def _lines(name: str) -> list[str]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{name} cannot be read") from None
    # Spreadsheets and editors on Windows put a mark before the first line.
    lines = text.removeprefix("\ufeff").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _labelled(text: str) -> tuple[str, str]:
    number, equals, label = text.partition("=")
    if not equals or not label.strip():
        raise typer.BadParameter("say --label NUMBER=WORD")
    return _digits(number), label.strip()


def _digits(text: str) -> str:
    """A number without the spaces people write in it. What is wrong with it is not repeated: it may be somebody's."""
    number = "".join(text.split())
    if not (number.isascii() and number.isdigit() and len(number) in (9, 11)):
        raise typer.BadParameter("a recipient's number has 11 digits for a person, 9 for an organisation")
    return number


def share_id_of(given: str) -> str:
    """A share's id, or the last part of its link."""
    return given.rstrip("/").rpartition("/")[2]


class Bars:
    """A bar for each of the first files, and one for all of them, on standard error."""

    def __init__(self, progress: Progress, files: Sequence[LocalFile]) -> None:
        self._progress = progress
        self._lock = Lock()
        self._done: dict[str, int] = {}
        self._all = progress.add_task("all", total=sum(file.length for file in files) or 1)
        shown = [] if len(files) == 1 else files[:_MAX_BARS]
        self._tasks: dict[str, TaskID] = {f.name: progress.add_task(f.name, total=f.length or 1) for f in shown}

    def __call__(self, file: LocalFile, done: int) -> None:
        """`file` has come so far."""
        with self._lock:
            self._done[file.name] = done
            self._progress.update(self._all, completed=sum(self._done.values()))
            if file.name in self._tasks:
                self._progress.update(self._tasks[file.name], completed=done if file.length else 1)


@contextmanager
def drawn(paths: Sequence[Path], *, quiet: bool) -> Iterator[Bars | None]:
    """Bars with rate and time left, unless it is to be quiet or nobody looks."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        RateColumn(),
        TimeRemainingColumn(),
    )
    files = collect(paths)
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress, files)
