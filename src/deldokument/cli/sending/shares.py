"""Commands on a sender's machine, such as `deldokument share`, `list`, `extend`, `correct` and `withdraw`.

Guarantees:
- They use only the public API and the sender's own key.
- Their exit codes are those of docs/command-line.md.

The client library does the work.
"""

import dataclasses
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from deldokument.cli.output import Json, Row, new_file, say_error, say_line, say_one, say_rows
from deldokument.cli.sending.sender_console import connect, draw_progress, read_recipients, read_until, share_id_of
from deldokument.client import Receipt, Share
from deldokument.client.files import collect

PANEL = "For senders (through the API, from any machine)"
Which = Annotated[str, typer.Argument(metavar="SHARE", help="The share's id or its link.")]
Until = Annotated[
    str,
    typer.Option(
        metavar="DATE",
        help="Available until the end of this day in Norway (YYYY-MM-DD), or until this time (YYYY-MM-DDTHH:MM).",
    ),
]
_STATES: Final = {"started": "partly downloaded", "sent": "downloaded", "received": "confirmed"}


def share(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Files and folders. Folders keep their relative paths.")
    ],
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
        typer.Option(metavar="FILE", help="A file with one recipient on each line: NUMBER, or NUMBER;LABEL."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NUMBER=WORD", help="Your own label for a recipient. May be repeated.")
    ] = None,
    title: Annotated[str, typer.Option(help="The title that recipients see.")] = "",
    message: Annotated[str, typer.Option(help="A message to the recipients.")] = "",
    reference: Annotated[str, typer.Option(help="Your own case number.")] = "",
    confidential: Annotated[
        bool | None,
        typer.Option(help="Only the stronger Altinn rights open it for organisations. Default: as the account."),
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="The documents are in your archive.")] = False,
    notify: Annotated[bool | None, typer.Option(help="Notify the recipients. Default: the account's rule.")] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Confirm that the organisations' numbers are from your own register.")
    ] = False,
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Number of parallel upload streams.")] = 4,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    as_json: Json = False,
) -> None:
    """Share files with named persons and organisations, and print the link.

    Files upload in parallel. After ctrl-C, a lost connection or a reboot, run
    the same command again, with the same options and unchanged files. It
    resumes where it stopped. Its state is in ~/.local/state/deldokument.

    Numbers on a command line can be seen by other users of the machine, and
    stay in the shell's history. For persons, use --to-file, or --to - with the
    numbers on standard input.

    If the account requires the approval of a second person, the link is
    printed, but opens for nobody before the approval.

    \b
    Examples:
        deldokument share vedtak.pdf --account Byggesak \\
          --to 312824450 --until 2026-12-24
        deldokument share sak/ --account Byggesak --title "Sak 24/117" \\
          --to-file mottakere.txt --until 2026-12-24T15:30
        echo "$NUMBER;søker" | deldokument share vedtak.pdf \\
          --account Byggesak --to - --until 2026-12-24 --json

    \b
    Settings in the environment, or in ~/.config/deldokument/client.toml (names
    there in lower case, without the prefix):
        DELDOKUMENT_CLIENT_URL        URL of the service
        DELDOKUMENT_CLIENT_ISSUER     Maskinporten's issuer, with its slash at the end
        DELDOKUMENT_CLIENT_CLIENT_ID  your Maskinporten client
        DELDOKUMENT_CLIENT_KEY_PATH   its private key, a JWK
        DELDOKUMENT_CLIENT_SCOPE      the scope; default deldokument:share

    \b
    Exit status:
        0  shared (or proposed)
        1  a fault on this machine: a setting, a key, a file
        2  wrong usage
        3  rejected by the service or by Maskinporten
        4  unreachable after several attempts, or the service failed
        5  interrupted; run the same command to resume
    """  # noqa: D301 - a backspace is how Click marks a paragraph to leave as it is
    end = read_until(until)
    recipients = read_recipients(to or [], to_file or [], label or [], confirmed=confirmed)
    with connect() as client, draw_progress(lambda: collect(files), quiet=quiet) as bars:
        shared = client.share(
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
    _say_result(shared, shared.link, waits=shared.proposed, as_json=as_json)


def list_shares(
    account: Annotated[str | None, typer.Option(help="Only of this account: its name or id.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only in this state: draft, available, withdrawn, ended or abandoned.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="Only with this case number.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of shares.")] = 50,
    as_json: Json = False,
) -> None:
    """List the shares of the accounts that you may use, newest first."""
    with connect() as client:
        account_id = client.account(account).id if account else None
        found = list(islice(client.shares(account_id=account_id, state=state, reference=reference), limit))
    if as_json:
        say_rows((), [_row(one) for one in found], as_json=True)
        return
    say_rows(
        ("id", "state", "title", "expires_at", "recipients", "documents"), [_counts(s) for s in found], as_json=False
    )


def show(share: Which, as_json: Json = False) -> None:
    """Show a share with its recipients and documents. Persons' numbers are masked."""
    with connect() as client:
        found = client.get(share_id_of(share))
    if as_json:
        say_one(_row(found), as_json=True)
        return
    say_one(_counts(found), as_json=False)
    say_rows(("display", "name", "label"), [dataclasses.asdict(r) for r in found.recipients], as_json=False)
    say_rows(
        ("name", "length", "complete", "verdict", "handling"),
        [dataclasses.asdict(d) for d in found.documents],
        as_json=False,
    )


def extend(share: Which, until: Until, as_json: Json = False) -> None:
    """Set a later or earlier end, within the account's longest period; print the end.

    If a member must first approve a later end, the present end is printed.
    """
    end = read_until(until)
    with connect() as client:
        moved = client.extend(share_id_of(share), end)
    if as_json:
        say_one(_row(moved), as_json=True)
    else:
        typer.echo(moved.expires_at.isoformat() if moved.expires_at else "")
        if moved.proposed_expires_at:
            typer.echo(f"waits for approval: {moved.proposed_expires_at.isoformat()}", err=True)


def correct(
    share: Which,
    title: Annotated[str | None, typer.Option(help="The new title.")] = None,
    message: Annotated[str | None, typer.Option(help="The new message to the recipients.")] = None,
    reference: Annotated[str | None, typer.Option(help="The new case number.")] = None,
    confidential: Annotated[bool | None, typer.Option(help="Is the content confidential?")] = None,
    as_json: Json = False,
) -> None:
    """Correct a share, published or not; print its title."""
    with connect() as client:
        corrected = client.correct(
            share_id_of(share), title=title, message=message, reference=reference, confidential=confidential
        )
    _say_result(corrected, corrected.title, waits=corrected.change_proposed, as_json=as_json)


def add(
    share: Which,
    to: Annotated[list[str] | None, typer.Option(metavar="NUMBER", help="As for `share`. May be repeated.")] = None,
    to_file: Annotated[list[str] | None, typer.Option(metavar="FILE", help="As for `share`.")] = None,
    as_json: Json = False,
) -> None:
    """Add recipients to a share, published or not; print how many it has."""
    recipients = read_recipients(to or [], to_file or [], [], confirmed=False)
    with connect() as client:
        changed = client.add_recipients(share_id_of(share), recipients)
    _say_result(changed, len(changed.recipients), waits=changed.change_proposed, as_json=as_json)


def remove(
    share: Which,
    recipient: Annotated[str, typer.Argument(metavar="RECIPIENT", help="Its id, as in `show --json`.")],
) -> None:
    """Remove a recipient from a share, at once. Other recipients are not affected."""
    with connect() as client:
        client.remove_recipient(share_id_of(share), recipient)


def add_document(
    share: Which,
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Files and folders, as for `share`.")],
    parallel: Annotated[int, typer.Option(min=1, max=16, help="Number of parallel upload streams.")] = 4,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    as_json: Json = False,
) -> None:
    """Add documents to a published share; print how many it has.

    Recipients get all of them together, after the scan. Run the command again after an interruption: it resumes where
    it stopped.
    """
    with connect() as client, draw_progress(lambda: collect(files), quiet=quiet) as bars:
        changed = client.add_documents(share_id_of(share), files, parallel=parallel, progress=bars)
    _say_result(changed, len(changed.documents), waits=changed.change_proposed, as_json=as_json)


def remove_document(
    share: Which,
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="Its id, as in `show --json`.")],
) -> None:
    """Remove a document from a share, at once. It is deleted; receipts of it stay."""
    with connect() as client:
        client.remove_document(share_id_of(share), document)


def withdraw(
    share: Which,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """End a share at once. This cannot be undone: its key is destroyed.

    Asks for confirmation in a terminal.
    """
    if not yes and sys.stdin.isatty():
        typer.confirm("Withdraw the share? This cannot be undone", abort=True, err=True)
    with connect() as client:
        ended = client.withdraw(share_id_of(share))
    _say_result(ended, ended.state, waits=False, as_json=as_json)


def receipts(
    share: Which,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print new receipts as they arrive, until the share ends.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=1.0, metavar="SECONDS", help="Seconds between requests with --watch.")
    ] = 10.0,
    as_json: Json = False,
) -> None:
    """List what each recipient has opened, downloaded and confirmed.

    Persons' numbers are masked. --watch and --json together print one JSON object on each line.
    """
    share_id = share_id_of(share)
    with connect() as client:
        if not watch:
            found = client.receipts(share_id)
            rows = [dataclasses.asdict(one if as_json else _in_words(one)) for one in found]
            say_rows(("last_at", "event", "recipient", "person", "document_name", "state"), rows, as_json=as_json)
            return
        for one in client.follow_receipts(share_id, every=every):
            if as_json:
                say_line(dataclasses.asdict(one))
            else:
                typer.echo(_line(_in_words(one)))


def report(
    share: Which,
    to: Annotated[
        Path, typer.Argument(metavar="FILE", help="A new file: .pdf for the PDF, else JSON.", dir_okay=False)
    ],
    full_numbers: Annotated[
        bool, typer.Option("--full-numbers", help="Recipients' numbers in full, if the account allows it.")
    ] = False,
) -> None:
    """Write the report of a share: a sealed PDF, or signed JSON.

    It is final when the share's key is destroyed. `deldokument audit verify
    --report` checks the JSON.
    """
    with connect() as client:
        found = client.report(share_id_of(share), pdf=to.suffix.lower() == ".pdf", full_numbers=full_numbers)
    try:
        with new_file(to) as file:
            file.write(found)
    except OSError as error:
        say_error(str(error))
        raise typer.Exit(1) from None
    typer.echo(str(to))


def _say_result(share: Share, result: str | int, *, waits: bool, as_json: bool) -> None:
    """Print the share in JSON, or the result. ``waits``: another person must approve it first."""
    if as_json:
        say_one(_row(share), as_json=True)
        return
    if waits:
        typer.echo("Waiting for another person's approval.", err=True)
    typer.echo(result)


def _row(share: Share) -> Row:
    return dataclasses.asdict(share)


def _counts(share: Share) -> Row:
    lists = ("recipients", "documents", "pending_documents")
    return _row(share) | {name: len(getattr(share, name)) for name in lists}


def _in_words(found: Receipt) -> Receipt:
    """Return the receipt with its state in the words of the pages."""
    return dataclasses.replace(found, state=_STATES.get(found.state or ""))


def _line(found: Receipt) -> str:
    what = f"{found.document_name}: {found.state or found.event}" if found.document_name else found.event
    return f"{found.last_at.isoformat(timespec='seconds')}  {found.recipient}  {what}  by {found.person}"


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "share": share,
    "list": list_shares,
    "show": show,
    "extend": extend,
    "correct": correct,
    "add": add,
    "remove": remove,
    "add-document": add_document,
    "remove-document": remove_document,
    "withdraw": withdraw,
    "receipts": receipts,
    "report": report,
}


def register(app: typer.Typer) -> None:
    """Add the commands to a program."""
    for name, command in COMMANDS.items():
        app.command(name, rich_help_panel=PANEL)(command)
