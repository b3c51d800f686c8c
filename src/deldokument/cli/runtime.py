"""Runtime of the commands: opens the deployment; reports errors as one line on standard error, with exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.bootstrap.keys import open_keyring
from deldokument.bootstrap.runtime import Runtime, build_runtime
from deldokument.cli.output import say_error
from deldokument.config.settings import ConfigurationError, Settings, load_settings
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput, ServiceError
from deldokument.web.http.responses.error_texts import WORDS
from deldokument.web.http.responses.errors import error_text
from deldokument.web.http.responses.i18n import Translator


@contextmanager
def errors_as_text() -> Iterator[None]:
    """Print an error of the block as one line, and exit with code 1."""
    try:
        yield
    except (ConfigurationError, ServiceError, OSError) as error:
        say_error(_words(error))
        raise typer.Exit(1) from None


def _words(error: Exception) -> str:
    """Return the pages' message for an invalid input, or the text of an error of the deployment."""
    if isinstance(error, InvalidFields):
        return "; ".join(f"{fault.field}: {_words(fault)}" for fault in error.errors)
    if isinstance(error, InvalidInput | Conflict) and error.code in WORDS:
        return f"{error_text(error, Translator('en'))} ({error})"
    return str(error)


def has_seal_key(settings: Settings) -> bool:
    """Return whether the seal's key exists at the path in the settings."""
    return settings.seal_key_path.exists()


@contextmanager
def opened_node(*, holds_seal: bool | None = None) -> Iterator[Runtime]:
    """Yield a node with the environment's settings; close it at the end.

    By default it reads the seal's key if the file exists. Otherwise it lets the worker seal, as server processes do.
    """
    with errors_as_text():
        settings = load_settings()
        node = build_runtime(settings, holds_seal=has_seal_key(settings) if holds_seal is None else holds_seal)
        try:
            yield node
        finally:
            node.close()


@contextmanager
def opened_keyring() -> Iterator[SealedKeyring]:
    """Yield only the keyring of the environment's settings; close it at the end."""
    with errors_as_text():
        keyring = open_keyring(load_settings())
        try:
            yield keyring
        finally:
            keyring.close()
