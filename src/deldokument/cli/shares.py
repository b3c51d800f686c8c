"""`deldokument share`, `list`, `show`, `extend`, `withdraw`, `receipts`: by the public API, from a sender's machine.

Promises that these commands open no database and no key but the sender's own, and that their exit codes tell apart what
a program has to tell apart (see docs/command-line.md). The rest is the client library's business.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from deldokument.cli.output import Json, Row, say_line, say_one, say_rows
from deldokument.cli.share_options import connected, drawn, read_recipients, read_until, share_id_of
from deldokument.client import Receipt, Share

PANEL = "For senders (by the API, from any machine)"
Which = Annotated[str, typer.Argument(metavar="SHARE", help="The share's id or its link.")]
Until = Annotated[
    str,
    typer.Option(
        metavar="DATE",
        help="Available until the end of this day in Norway (YYYY-MM-DD), or until an instant (YYYY-MM-DDTHH:MM).",
    ),
]


def share(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files and folders; a folder keeps its paths.")],
    account: Annotated[str, typer.Option(help="The account to share from: its name or id.")],
    until: Until,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER",
            help="A recipient: 11 digits for a person, 9 for an organisation; - for standard input. May be repeated.",
        ),
    ] = None,
    to_file: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Recipients from a file, one a line: NUMBER, or NUMBER;LABEL."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NUMBER=WORD", help="Your own word for a recipient. May be repeated.")
    ] = None,
    title: Annotated[str, typer.Option(help="What recipients see as the share's title.")] = "",
    message: Annotated[str, typer.Option(help="A message to the recipients.")] = "",
    reference: Annotated[str, typer.Option(help="Your own case number.")] = "",
    confidential: Annotated[
        bool | None, typer.Option(help="Which rights open it for an organisation; the account's rule unless said.")
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The documents are kept in your archive.")] = False,
    notify: Annotated[bool | None, typer.Option(help="Notify the recipients; the account's rule unless said.")] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="You have the organisations' numbers from a register of your own.")
    ] = False,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="How many streams upload at once.")] = 4,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    as_json: Json = False,
) -> None:
    """Share files with named persons and organisations, and print the link.

    Uploads in parallel. After ctrl-C, a lost network or a reboot the same
    command goes on where it was: the same options, the same files, unchanged.
    What it needs for that is in ~/.local/state/deldokument.

    Numbers on a command line can be seen by other users of the machine, and
    stay in the shell's history: for persons use --to-file, or --to - with the
    numbers on standard input.

    Where the account wants the approval of a second person, the link is
    printed too; it opens for nobody until then.

    \b
    Examples:
      deldokument share vedtak.pdf --account Byggesak \\
        --to 312824450 --until 2026-12-24
      deldokument share sak/ --account Byggesak --title "Sak 24/117" \\
        --to-file mottakere.txt --until 2026-12-24T15:30
      echo "$NUMBER;søker" | deldokument share vedtak.pdf \\
        --account Byggesak --to - --until 2026-12-24 --json

    \b
    Settings, from the environment, or without the prefix and in small letters
    from ~/.config/deldokument/client.toml:
      DELDOKUMENT_CLIENT_URL        where the service is
      DELDOKUMENT_CLIENT_ISSUER     Maskinporten, with its slash at the end
      DELDOKUMENT_CLIENT_CLIENT_ID  the client there
      DELDOKUMENT_CLIENT_KEY_PATH   its private key, a JWK
      DELDOKUMENT_CLIENT_SCOPE      deldokument:share unless said

    \b
    Exit status:
      0  shared (or proposed)
      1  something on this machine: a setting, a key, a file
      2  wrong usage
      3  refused by the service or by Maskinporten
      4  not reachable
      5  interrupted; the same command goes on
    """  # noqa: D301 - a backspace is how Click marks a paragraph to leave as it is
    end = read_until(until)
    recipients = read_recipients(to or [], to_file or [], label or [], confirmed=confirmed)
    with connected() as client, drawn(files, quiet=quiet) as bars:
        made = client.share(
            files,
            account=account,
            to=recipients,
            until=end,
            title=title,
            message=message,
            reference=reference,
            confidential=confidential,
            archived=archived,
            notify=notify,
            parallel=parallel,
            progress=bars,
        )
    if as_json:
        say_one(_row(made), as_json=True)
        return
    if made.proposed:
        typer.echo("Waits for another person's approval.", err=True)
    typer.echo(made.link)


def list_shares(
    account: Annotated[str | None, typer.Option(help="Only of this account: its name or id.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only in this state: draft, available, withdrawn, ended or abandoned.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Only with this case number.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """The shares of the accounts that you may use, newest first."""
    with connected() as client:
        account_id = client.account(account).id if account else None
        found = list(islice(client.shares(account_id=account_id, state=state, reference=reference), limit))
    if as_json:
        say_rows((), [_row(one) for one in found], as_json=True)
        return
    say_rows(
        ("id", "state", "title", "expires_at", "recipients", "documents"), [_counts(s) for s in found], as_json=False
    )


def show(share: Which, as_json: Json = False) -> None:
    """One share with its recipients and documents; persons' numbers are masked."""
    with connected() as client:
        found = client.get(share_id_of(share))
    if as_json:
        say_one(_row(found), as_json=True)
        return
    say_one(_row(found) | {"recipients": len(found.recipients), "documents": len(found.documents)}, as_json=False)
    say_rows(("display", "name", "label"), [dataclasses.asdict(r) for r in found.recipients], as_json=False)
    say_rows(
        ("name", "length", "complete", "inspected", "verdict"),
        [dataclasses.asdict(d) for d in found.documents],
        as_json=False,
    )


def extend(share: Which, until: Until, as_json: Json = False) -> None:
    """Move a share's end, later or earlier, within what its account allows; print the new end."""
    end = read_until(until)
    with connected() as client:
        moved = client.extend(share_id_of(share), end)
    if as_json:
        say_one(_row(moved), as_json=True)
    else:
        typer.echo(moved.expires_at.isoformat() if moved.expires_at else "")


def withdraw(
    share: Which,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """End a share at once. There is no way back: its key is destroyed.

    At a terminal it is asked first; a program is not.
    """
    if not yes and sys.stdin.isatty():
        typer.confirm("Withdraw it? It cannot be undone", abort=True, err=True)
    with connected() as client:
        ended = client.withdraw(share_id_of(share))
    if as_json:
        say_one(_row(ended), as_json=True)
    else:
        typer.echo(ended.state)


def receipts(
    share: Which,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and print each as it comes, until the share is over.")
    ] = False,
    every: Annotated[float, typer.Option(min=1.0, metavar="SECONDS", help="How often to ask while watching.")] = 10.0,
    as_json: Json = False,
) -> None:
    """Who has opened a share and downloaded its documents, for which recipient; persons' numbers are masked.

    With --watch and --json together, one JSON object a line.
    """
    share_id = share_id_of(share)
    with connected() as client:
        if not watch:
            rows = [dataclasses.asdict(found) for found in client.receipts(share_id)]
            say_rows(("last_at", "event", "recipient", "person", "document_name", "complete"), rows, as_json=as_json)
            return
        for found in client.follow_receipts(share_id, every=every):
            if as_json:
                say_line(dataclasses.asdict(found))
            else:
                typer.echo(_line(found))


def _row(share: Share) -> Row:
    return dataclasses.asdict(share)


def _counts(share: Share) -> Row:
    return _row(share) | {"recipients": len(share.recipients), "documents": len(share.documents)}


def _line(found: Receipt) -> str:
    what = f"{found.event} {found.document_name}" if found.document_name else found.event
    partly = "" if found.complete or found.event == "opened" else " (in part)"
    return f"{found.last_at.isoformat(timespec='seconds')}  {found.recipient}  {what}{partly}  by {found.person}"


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "share": share,
    "list": list_shares,
    "show": show,
    "extend": extend,
    "withdraw": withdraw,
    "receipts": receipts,
}


def register(app: typer.Typer) -> None:
    """Put the commands among those of a program."""
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=PANEL)(command)
