"""`deldokument serve`: one process, or several on the same two listeners with a supervising parent."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from deldokument.bootstrap.runtime import build_runtime
from deldokument.bootstrap.serve import serve
from deldokument.cli.runtime import errors_as_text
from deldokument.config.settings import PREFIX, ConfigurationError, Settings
from deldokument.server.listeners import Listeners, inherited_listener, listen, listen_at
from deldokument.server.supervisor import NoProcessLeft, supervise
from deldokument.web.http.meter import DIRECTORY

log = logging.getLogger("deldokument")


def run_server(settings: Settings) -> None:
    """Serve until a signal arrives. Raises: ConfigurationError, OSError, or an error of opening the node."""
    if settings.serve_workers == 1:
        with closing(build_runtime(settings)) as node, open_listeners(settings) as listeners:
            serve(settings, node, listeners)
        return
    with open_listeners(settings) as listeners, _shared_metrics() as ended:

        def child() -> None:
            # Opened in the child, because connections and threads do not survive a fork.
            with suppress(typer.Exit), errors_as_text(), closing(build_runtime(settings)) as node:
                serve(settings, node, listeners)

        try:
            supervise(settings.serve_workers, child, ended, listeners.close)
        except NoProcessLeft:
            raise ConfigurationError("no process is left: all have died or cannot start") from None


@contextmanager
def _shared_metrics() -> Iterator[Callable[[int], None]]:
    """Make the forked processes add up their metrics in a folder; yield the function to call when one has died."""
    with TemporaryDirectory(prefix="deldokument-metrics-") as folder:
        os.environ[DIRECTORY] = folder
        values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
        yield partial(mark_process_dead, path=folder)


@contextmanager
def open_listeners(settings: Settings) -> Iterator[Listeners]:
    """Yield both listeners; close them at the end. Raises: ConfigurationError if one cannot be opened."""
    with (
        _public(settings) as public,
        _at_port("MANAGEMENT_", settings.management_host, settings.management_port) as management,
    ):
        yield Listeners(public, management)


def _public(settings: Settings) -> socket.socket:
    if inherited := _inherit_listener():
        return inherited
    if settings.socket_path:
        return _at_path(settings.socket_path)
    return _at_port("", settings.host, settings.port)


def _inherit_listener() -> socket.socket | None:
    try:
        listener = inherited_listener()
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"the service manager passes no usable socket (LISTEN_FDS): {error}") from None
    if listener:
        log.info("public listener: %s, from the service manager", listener.getsockname())
    return listener


def _at_path(path: Path) -> socket.socket:
    with _naming_the_setting(f"{PREFIX}SOCKET_PATH={path}"):
        listener = listen_at(path)
    log.info("public listener: %s", path)
    return listener


def _at_port(name: str, host: str, port: int) -> socket.socket:
    with _naming_the_setting(f"{PREFIX}{name}HOST={host} {PREFIX}{name}PORT={port}"):
        listener = listen(host, port)
    log.info("%s listener: %s, port %d", name.strip("_").lower() or "public", host, port)
    return listener


@contextmanager
def _naming_the_setting(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"cannot listen at {where}: {error.strerror}") from None
