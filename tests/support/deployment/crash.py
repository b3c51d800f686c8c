"""Worker processes that kill themselves at a function that a test names."""

import functools
import os
import signal
import subprocess
import sys
from pkgutil import resolve_name
from typing import Any, NoReturn

import psycopg

from deldokument.cli.main import app
from tests.support.deployment.deployment import Deployment, wait_until
from tests.support.deployment.forked import forked

OUTBOX = "deldokument.store.outbox.outbox:Outbox"
_PATIENCE = 60.0
_TRANSACTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
    AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"""


def die_at(mortal: Deployment, function: str, *, after: bool) -> None:
    """A worker that kills itself at the first call of a function, before or after that has done its work.

    ``function`` is "module:name", or "module:class.name" for a method."""
    words = [function, "after" if after else "before"]
    log, environment = mortal.folder / "worker.log", mortal.environment()
    worker = forked("tests.support.deployment.crash:work", words, log=log, environment=environment)
    try:
        assert worker.wait(_PATIENCE) == -signal.SIGKILL, mortal.log_text()
    except subprocess.TimeoutExpired:
        worker.kill()
        raise AssertionError(f"{function} was not called: {mortal.log_text()}") from None
    wait_until(lambda: not _has_transactions(mortal.database_url), _PATIENCE, "the database keeps rows locked")


def _has_transactions(url: str) -> bool:
    """Whether PostgreSQL still holds the locks of a killed client, whose rows other workers skip."""
    if not url.startswith("postgresql"):
        return False
    with psycopg.connect(url) as connection:
        return connection.execute(_TRANSACTIONS).fetchone() != (0,)


def die(*_: Any, **__: Any) -> NoReturn:
    """In the place of a function: the process is killed when it is called."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("survived")


def work() -> None:
    """What the process does."""
    function, when = sys.argv[1:]
    owner, _, name = function.replace(":", ".").rpartition(".")
    original = resolve_name(function)

    @functools.wraps(original)
    def called(*given: Any, **named: Any) -> None:
        if when == "after":
            original(*given, **named)
        die()

    setattr(resolve_name(owner), name, called)
    app(["worker"])
