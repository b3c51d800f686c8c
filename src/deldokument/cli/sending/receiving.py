"""Command on a recipient's machine: `deldokument receive`.

Guarantees:
- It needs no key and no settings. The recipient approves it in a browser.
- Its exit codes are those of docs/command-line.md.

The client library does the work.
"""

import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from deldokument.cli.output import Json, Row, say_error, say_rows
from deldokument.cli.sending.sender_console import EXIT_HERE, draw_progress, receiver_of
from deldokument.client import OfferedDocument, Outcome, Received

PANEL = "For recipients (from any machine with a browser)"
_WORDS: Final = {
    Outcome.MISMATCH: "damaged on the way and deleted: the checksum differs. Run the command again",
    Outcome.WARNED: "left out: it could not be checked for viruses. Use --accept-warnings to receive it all the same",
    Outcome.WAITING: "left out: it is being made ready. Run the command again in some minutes",
    Outcome.HELD: "left out: the sender decides whether you get it",
    Outcome.REFUSED: "left out: it cannot be downloaded. Contact the sender",
}


def receive(
    link: Annotated[str, typer.Argument(metavar="LINK", help="The link that you have received.")],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where to write the documents.")] = Path(),
    accept_warnings: Annotated[
        bool, typer.Option("--accept-warnings", help="Also receive documents that could not be checked for viruses.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    as_json: Json = False,
) -> None:
    """Receive the documents of a share, check them, and confirm them to the sender.

    A page opens in the browser: log in there, compare the check code, and give
    access. Each document is compared with the checksum that the service states.
    Only then it gets its name, and is confirmed. No file is replaced.

    After ctrl-C or a lost connection, run the same command again. It resumes
    where it stopped.

    \b
    Exit status:
        0  everything is received
        1  a document is missing or damaged, or a fault on this machine
        2  wrong usage
        3  rejected by the service, or not approved
        4  unreachable after several attempts, or the service failed
        5  interrupted; run the same command to resume
    """  # noqa: D301 - a backspace is how Click marks a paragraph to leave as it is
    with receiver_of(link) as receiver:
        receiver.approve(lambda address, code: _show(address, code, open_it=browser))
        offer = receiver.offer()
        accepted = {
            one.id for one in offer.documents if one.handling == "warned" and (accept_warnings or _confirm_warning(one))
        }
        with draw_progress(lambda: offer.documents, quiet=quiet) as bars:
            results = receiver.save(offer, to, accepted=accepted, progress=bars)
    if as_json:
        say_rows((), [_row(one) for one in results], as_json=True)
    for one in results:
        if one.is_here and not as_json:
            typer.echo(one.path)
        elif not one.is_here:
            say_error(f"{one.document.name}: {_WORDS[one.outcome]}")
    confirmed = sum(one.confirmed for one in results)
    typer.echo(f"Confirmed to the sender: {confirmed} of {len(results)} documents.", err=True)
    if not all(one.is_here for one in results):
        raise typer.Exit(EXIT_HERE)


def _show(address: str, code: str, *, open_it: bool) -> None:
    typer.echo(f"Log in and give access on this page, if it shows the code {code}:\n{address}", err=True)
    if open_it:
        webbrowser.open(address)


def _confirm_warning(document: OfferedDocument) -> bool:
    """Ask about a document's warning; without a terminal nobody accepts it."""
    if not sys.stdin.isatty():
        return False
    words = f"{document.name} could not be checked for viruses. Open it only if you expect it. Receive it"
    return typer.confirm(words, err=True)


def _row(one: Received) -> Row:
    return {
        "id": one.document.id,
        "name": one.document.name,
        "outcome": one.outcome.value,
        "path": str(one.path) if one.path else None,
        "sha256": one.document.sha256,
        "confirmed": one.confirmed,
    }


COMMANDS: Final[dict[str, Callable[..., None]]] = {"receive": receive}


def register(app: typer.Typer) -> None:
    """Add the command `receive` to a program."""
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=PANEL)(command)
