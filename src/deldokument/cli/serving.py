"""`deldokument serve`: one process, or several at one port with a parent that keeps them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing

import typer

from deldokument.adapters.processes import CannotStart, keep, listen
from deldokument.bootstrap import open_node, serve
from deldokument.cli.running import told_in_words
from deldokument.config import ConfigurationError, Settings


def run_server(settings: Settings) -> None:
    """Serve until a signal comes. Raises ConfigurationError, OSError, or what opening the node raises."""
    if settings.serve_workers == 1:
        with closing(open_node(settings)) as node:
            serve(settings, node)
        return
    with listen(settings.host, settings.port) as listener:

        def child(serves: Callable[[], None]) -> None:
            # What is opened here is the child's own: connections and threads do not survive a fork.
            try:
                with told_in_words(), closing(open_node(settings)) as node:
                    serves()
                    serve(settings, node, listener=listener)
            except typer.Exit as end:
                sys.exit(end.exit_code)

        try:
            keep(settings.serve_workers, child)
        except CannotStart as error:
            raise ConfigurationError(f"the processes that serve {error}") from None
