"""Input and output of the commands for senders and recipients: numbers, ends, progress, and exit codes for errors.

Guarantees:
- Standard output contains only the result.
- Progress bars are drawn only in a terminal.
- After ctrl-C all transferred bytes are kept.

Imports the client library, but not the service's code.
"""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Lock
from types import FrameType
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as RateColumn

from deldokument.cli.output import say_error
from deldokument.client import Client, ClientError, Interrupted, Receiver, Refused, To, Unreachable

EXIT_HERE: Final = 1
EXIT_REFUSED: Final = 3
EXIT_UNREACHABLE: Final = 4
EXIT_INTERRUPTED: Final = 5
_OSLO: Final = ZoneInfo("Europe/Oslo")
_MAX_BARS: Final = 12
_ENDS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def connect() -> Iterator[Client]:
    """Yield a client with the environment's settings; print an error as one line and exit with its code."""
    with _errors_as_exit(), Client.from_environment() as client, _stoppable(client):
        yield client


@contextmanager
def receiver_of(link: str) -> Iterator[Receiver]:
    """Yield a receiver for a link; print an error as one line and exit with its code."""
    with _errors_as_exit(), Receiver(link) as receiver, _stoppable(receiver):
        yield receiver


@contextmanager
def _errors_as_exit() -> Iterator[None]:
    try:
        yield
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
def _stoppable(client: Client | Receiver) -> Iterator[None]:
    """Stop the client at the first ctrl-C or SIGTERM; exit at the second. Neither loses transferred bytes."""

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
    """Parse the end of a share: a date (the end of that day in Norway) or a time (in Norway unless it has a zone)."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + timedelta(days=1)
            return datetime(day.year, day.month, day.day, tzinfo=_OSLO)
        if not re.search(r"[T ]\d\d:", text):
            # fromisoformat accepts 20261224 as a date, but as its beginning.
            raise ValueError("no time of the day")
        instant = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter("must be YYYY-MM-DD or YYYY-MM-DDTHH:MM") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=_OSLO)


def read_recipients(
    numbers: Sequence[str], files: Sequence[str], labels: Sequence[str], *, confirmed: bool
) -> list[To]:
    """Return the recipients from options and files, without duplicates; a dash means standard input."""
    lines = [number for given in numbers if given != "-" for number in given.split(",")]
    for name in [*files, *(given for given in numbers if given == "-")]:
        lines += _lines(name)
    named = dict(_parse_label(label) for label in labels)
    found: dict[str, To] = {}
    for line in lines:
        number, _, label = line.partition(";")
        number = _digits(number)
        given = named.pop(number, "")
        found.setdefault(number, To(number, label.strip() or given, True if confirmed else None))
    if named:
        raise typer.BadParameter("--label names a number that is not a recipient")
    if not found:
        raise typer.BadParameter("name a recipient with --to or --to-file")
    return list(found.values())


def _lines(name: str) -> list[str]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{name} cannot be read") from None
    # Spreadsheets and editors on Windows put a byte order mark before the first line.
    lines = text.removeprefix("\ufeff").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _parse_label(text: str) -> tuple[str, str]:
    number, equals, label = text.partition("=")
    if not equals or not label.strip():
        raise typer.BadParameter("--label must be NUMBER=WORD")
    return _digits(number), label.strip()


def _digits(text: str) -> str:
    """Return a number without its spaces. The error does not repeat the input, which may be a person's number."""
    number = "".join(text.split())
    if not (number.isascii() and number.isdigit() and len(number) in (9, 11)):
        raise typer.BadParameter("a recipient's number has 11 digits for a person, 9 for an organisation")
    return number


def share_id_of(given: str) -> str:
    """Return the share id in an id or a link."""
    return given.rstrip("/").rpartition("/")[2]


class Named(Protocol):
    """Protocol: a file or document with a name and a length."""

    @property
    def name(self) -> str: ...
    @property
    def length(self) -> int: ...


class Bars:
    """Progress bars on standard error: one for each of the first 12 files, and one for all files."""

    def __init__(self, progress: Progress, files: Sequence[Named]) -> None:
        self._progress = progress
        self._lock = Lock()
        self._done: dict[str, int] = {}
        self._all = progress.add_task("all", total=sum(file.length for file in files) or 1)
        shown = [] if len(files) == 1 else files[:_MAX_BARS]
        self._tasks: dict[str, TaskID] = {f.name: progress.add_task(f.name, total=f.length or 1) for f in shown}

    def __call__(self, file: Named, done: int) -> None:
        """Show that ``done`` bytes of the file are transferred."""
        with self._lock:
            self._done[file.name] = done
            self._progress.update(self._all, completed=sum(self._done.values()))
            if file.name in self._tasks:
                self._progress.update(self._tasks[file.name], completed=done if file.length else 1)


@contextmanager
def draw_progress(files: Callable[[], Sequence[Named]], *, quiet: bool) -> Iterator[Bars | None]:
    """Yield progress bars with rate and time left; None if quiet, or if standard error is not a terminal."""
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
    shown = files()
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress, shown)
