"""Program of the distribution `deldokument-client`: the commands for senders and recipients, and for client keys.

Its modules import the client library and no code of the service (an import contract; decision 18).
"""

from typing import Annotated

import typer

from deldokument import __version__
from deldokument.cli.output import escape_unknown_letters
from deldokument.cli.sending import client_keys, receiving, shares

COMMANDS = shares.COMMANDS | receiving.COMMANDS
"""Commands that load nothing of the service."""


def program() -> typer.Typer:
    """Return the program with all its commands."""
    app = typer.Typer(
        name="deldokument",
        help="Share files with named citizens and organisations for a limited period.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    keys = typer.Typer(help="Keys of your client at Maskinporten.", no_args_is_help=True)
    app.callback(invoke_without_command=True)(_main)
    shares.register(app)
    receiving.register(app)
    client_keys.register(keys)
    app.add_typer(keys, name="keys")
    return app


def main() -> None:
    """Run the command line."""
    escape_unknown_letters()
    program()(prog_name="deldokument")


def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
