"""Where `deldokument` begins.

Promises that the commands for senders start, and are completed by a shell, without the service's own code, most of
which takes seconds to load and none of which they need; every other word on the command line is the whole program's.
"""

from __future__ import annotations

import os
import sys

import typer

from deldokument.cli import shares


def main() -> None:
    """Run what the command line says."""
    if _words()[:1] in ([name] for name in shares.COMMANDS):
        app = typer.Typer(name="deldokument", pretty_exceptions_enable=False)
        shares.register(app)
    else:
        from deldokument.cli.main import app
    app(prog_name="deldokument")


def _words() -> list[str]:
    """What stands after the program's name: on the command line, or in one that a shell asks to complete."""
    if "_DELDOKUMENT_COMPLETE" not in os.environ:
        return sys.argv[1:]
    return (os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS") or "").split()[1:]


if __name__ == "__main__":
    main()
