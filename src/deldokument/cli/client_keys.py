"""`deldokument keys`: the keys that our clients at ID-porten and Maskinporten sign with, and how one takes over.

Promises that only public parts are printed, that a file of keys is its owner's alone and is replaced whole or not at
all, and that a key signs only when the operator has had the time to register it. Reaches no register.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer
from joserfc.jwk import RSAKey

from deldokument.adapters.http.client import client_keys
from deldokument.cli.runtime import errors_as_text
from deldokument.config.settings import ConfigurationError

_BITS: Final = 4096
KeyFile = Annotated[Path, typer.Argument(help="The file that the client's setting names.")]


def create(path: KeyFile) -> None:
    """Make a client key for ID-porten or Maskinporten; print the public part to register there."""
    with errors_as_text():
        _print(make_key(path))


def public(path: KeyFile) -> None:
    """Print the public parts of a client's keys, as they are registered at ID-porten or Maskinporten."""
    with errors_as_text():
        _print(_set_of(_read(path), private=False))


def rotate(
    path: KeyFile, finish: Annotated[bool, typer.Option("--finish", help="Remove the key that does not sign.")] = False
) -> None:
    """Go one step on to a new client key; print the public parts to register.

    A file with one key gets a second, which does not sign yet: register both. With two keys, the other signs from when
    `serve` and `worker` start anew; the same command goes back. With --finish the one that does not sign is removed.
    """
    with errors_as_text():
        keys = _read(path)
        if len(keys) > 2 or (finish and len(keys) < 2):
            raise ConfigurationError(f"{path} holds {len(keys)} keys")
        keys = keys[:1] if finish else _step(keys)
        _replace(path, keys)
        _print(_set_of(keys, private=False))


def _step(keys: list[RSAKey]) -> list[RSAKey]:
    """One key gets a second beside it; of two, the other comes first."""
    return [keys[1], keys[0]] if len(keys) == 2 else [keys[0], _fresh_key()]


def make_key(path: Path, bits: int = _BITS) -> dict[str, Any]:
    """Write a new client key to a file that was not there; returns its public part, as a set."""
    key = _fresh_key(bits)
    with _opened_anew(path) as file:
        json.dump(key.as_dict(private=True), file)
    return _set_of([key], private=False)


def _fresh_key(bits: int = _BITS) -> RSAKey:
    return RSAKey.generate_key(bits, {"use": "sig", "alg": "RS256"}, auto_kid=True)


def _read(path: Path) -> list[RSAKey]:
    try:
        return client_keys(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _replace(path: Path, keys: list[RSAKey]) -> None:
    fresh = path.with_name(path.name + ".new")
    # One that was left behind is in the way.
    with _opened_anew(fresh) as file:
        json.dump(_set_of(keys, private=True), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _opened_anew(path: Path) -> TextIO:
    """A file that was not there, its owner's alone from its first moment: who has it open reads what comes later."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")


def _print(public_keys: dict[str, Any]) -> None:
    typer.echo(json.dumps(public_keys, indent=2))


def _set_of(keys: list[RSAKey], *, private: bool) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=private) for key in keys]}
