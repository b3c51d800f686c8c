"""Record of the operators' commands in the system's log (facility authpriv), with the operator's login name.

Guarantees:
- The line has the command's name and a login name. It has no argument, because arguments name persons.
- Where there is no system log, as in a container, standard error gets the line.

The service's own event log is kept for ever, so it contains no names, not even of operators.
"""

import os
import pwd
from collections.abc import Mapping, Sequence
from contextlib import suppress
from logging import INFO, Formatter, LogRecord, StreamHandler
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Any, Final

from typer.core import TyperGroup

SYSTEM_LOG: Final = Path("/dev/log")
RECORDED: Final = frozenset(
    {"account", "agreement", "audit", "inspection", "keys", "member", "migrate", "operator", "tenant"}
    | {"worker --confirm-clock", "worker --confirm-ends"}
)
# They resume the destruction of keys. A plain `worker` is a process of the service, started by the service manager.


class RecordedCommands(TyperGroup):
    """The root of all commands; records those of operators before they run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Record the command, then parse."""
        name = command_name(self, args)
        options = [word for word in args if f"{name} {word}" in RECORDED]
        if options or name.partition(" ")[0] in RECORDED:
            record_command(" ".join([name, *options]), login_name(os.environ))
        return super().parse_args(ctx, args)


def command_name(group: Any, words: Sequence[str]) -> str:
    """Return the leading words that name a command. The rest is left out, because it may name a person."""
    names = []
    for word in words:
        # The parser skips it too.
        if word == "--":
            continue
        group = getattr(group, "commands", {}).get(word)
        if group is None:
            break
        names.append(word)
    return " ".join(names)


def login_name(environment: Mapping[str, str]) -> str:
    """Return the login name: of the user of `sudo`, else of the terminal, else of the process."""
    if name := environment.get("SUDO_USER"):
        return name
    with suppress(OSError):
        return os.getlogin()
    with suppress(KeyError):
        return pwd.getpwuid(os.getuid()).pw_name
    return str(os.getuid())


def record_command(name: str, login: str, system_log: Path | None = None) -> None:
    """Write one line to the system's log, or to standard error if there is none."""
    path = system_log or SYSTEM_LOG
    # The login name comes from the environment, so it could contain a line break.
    words = f"command: {name}, typed by {login!r}"
    with suppress(OSError):
        handler = SysLogHandler(str(path), SysLogHandler.LOG_AUTHPRIV) if path.is_socket() else StreamHandler()
        handler.setFormatter(Formatter("deldokument[%(process)d]: %(message)s"))
        handler.handle(LogRecord("deldokument.commands", INFO, "", 0, words, None, None))
        handler.close()
