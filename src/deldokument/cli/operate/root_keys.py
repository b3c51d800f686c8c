"""`deldokument keys create-root` and `rotate-root`: the root key of the deployment, in any of its stores."""

from typing import Annotated

import typer

from deldokument.adapters.keys.keyring import rotate_root
from deldokument.bootstrap.keys import create_root_key
from deldokument.cli.output import say_text
from deldokument.cli.runtime import errors_as_text, opened_keyring
from deldokument.config.settings import load_settings


def create() -> None:
    """Create the root key, in the store that DELDOKUMENT_ROOT_KEY names."""
    with errors_as_text():
        say_text(f"Created: {create_root_key(load_settings())}")


def rotate(
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only create the new root key, to distribute it to all nodes.")
    ] = False,
) -> None:
    """Encrypt the keyring under a new root key and destroy the old one, while the service runs.

    If interrupted, run it again: it resumes where it stopped. If the root key is a file and there
    are several nodes, use `--prepare` first. Then copy the new file to every node, next to its
    old one.
    """
    with opened_keyring() as keyring:
        if prepare:
            keyring.roots.add()
            say_text(f"There are now {len(keyring.roots.ids())} root keys.")
            return
        count, left = rotate_root(keyring)
        say_text(f"{count} keys re-encrypted. {left}")
