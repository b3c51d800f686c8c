"""`deldokument keys`: keys of our clients at ID-porten and Maskinporten, and their rotation.

Guarantees:
- Only public parts are printed.
- A key file is readable by its owner only, and replaced atomically.
- A new key signs only after a second step, so that the operator can register it first.

Does not contact ID-porten or Maskinporten. Does not import the service's code, because the client's distribution lacks
it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer
from joserfc.jwk import RSAKey

from deldokument.cli.output import say_error
from deldokument.client import NotConfigured
from deldokument.client.jwt_grant import client_keys

_BITS: Final = 4096
KeyFile = Annotated[Path, typer.Argument(help="The key file, as named in the client's setting.")]


def create(path: KeyFile) -> None:
    """Create a client key for ID-porten or Maskinporten; print the public part to register there."""
    with _errors_as_text():
        _print(make_key(path))


def public(path: KeyFile) -> None:
    """Print the public parts of a client's keys, for registration at ID-porten or Maskinporten."""
    with _errors_as_text():
        _print(_set_of(_read(path), private=False))


def rotate(
    path: KeyFile, finish: Annotated[bool, typer.Option("--finish", help="Remove the key that does not sign.")] = False
) -> None:
    """Take the next step in rotating a client key; print the public parts to register.

    If the file has one key, a second is added that does not sign yet: register both. If it has
    two, they change roles: the other one signs after `serve` and `worker` are restarted. Repeat
    the command to change back. --finish removes the key that does not sign.
    """
    with _errors_as_text():
        keys = _read(path)
        if len(keys) > 2 or (finish and len(keys) < 2):
            raise NotConfigured(f"{path} holds {len(keys)} keys")
        keys = keys[:1] if finish else _step(keys)
        _replace(path, keys)
        _print(_set_of(keys, private=False))


def register(keys: typer.Typer) -> None:
    """Add the commands to a program's `keys`."""
    keys.command("create-client")(create)
    keys.command("rotate-client")(rotate)
    keys.command("public")(public)


@contextmanager
def _errors_as_text() -> Iterator[None]:
    """Print an error of the block as one line, and exit with code 1."""
    try:
        yield
    except (NotConfigured, OSError) as error:
        say_error(str(error))
        raise typer.Exit(1) from None


def _step(keys: list[RSAKey]) -> list[RSAKey]:
    """Add a second key if there is one; swap the two if there are two."""
    return [keys[1], keys[0]] if len(keys) == 2 else [keys[0], _fresh_key()]


def make_key(path: Path, bits: int = _BITS) -> dict[str, Any]:
    """Write a new client key to a new file; return its public part as a JWK set."""
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
        raise NotConfigured(f"{path}: {error}") from None


def _replace(path: Path, keys: list[RSAKey]) -> None:
    fresh = path.with_name(path.name + ".new")
    # Fails if an interrupted run has left such a file.
    with _opened_anew(fresh) as file:
        json.dump(_set_of(keys, private=True), file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _opened_anew(path: Path) -> TextIO:
    """Create a file with mode 600 from the start. A later chmod would not affect a process that has it open."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")


def _print(public_keys: dict[str, Any]) -> None:
    typer.echo(json.dumps(public_keys, indent=2))


def _set_of(keys: list[RSAKey], *, private: bool) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=private) for key in keys]}
