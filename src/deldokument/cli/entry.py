"""Entry point of the program `deldokument`.

The commands for senders and recipients, and their completion in a shell, do not load the service's own code. They do
not need it, and it takes seconds to load. All other commands load the whole program.
"""

import os
import sys

from deldokument.cli.output import escape_unknown_letters
from deldokument.cli.sending import sender


def main() -> None:
    """Run the command line."""
    escape_unknown_letters()
    if _words()[:1] in ([name] for name in sender.COMMANDS):
        app = sender.program()
    else:
        from deldokument.cli.main import app
    app(prog_name="deldokument")


def _words() -> list[str]:
    """Return the words after the program's name, in the command line or in the line that a shell completes."""
    if "_DELDOKUMENT_COMPLETE" not in os.environ:
        return sys.argv[1:]
    return (os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS") or "").split()[1:]


if __name__ == "__main__":
    main()
