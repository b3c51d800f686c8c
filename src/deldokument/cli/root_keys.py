"""`deldokument keys create-root` and `rotate-root`: the root key of the deployment, wherever it is kept."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from deldokument.adapters.keys.keyring import rotate_root
from deldokument.bootstrap.keys import create_root_key
from deldokument.cli.runtime import errors_as_text, opened_keyring
from deldokument.config.settings import load_settings

console = Console()


def create() -> None:
    """Make the root key, where DELDOKUMENT_ROOT_KEY says that it is kept."""
    with errors_as_text():
        console.print(f"Made: {create_root_key(load_settings())}", soft_wrap=True)


def rotate(
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only make the new root key, for all nodes to get.")
    ] = False,
) -> None:
    """Seal the keyring under a new root key, while the service runs, and destroy the old one.

    Broken off, it is done again and goes on where it was. Where the root key is a file and there are several nodes,
    `--prepare` it first, and give every node the new file beside its old one.
    """
    with opened_keyring() as keyring:
        if prepare:
            keyring.roots.add()
            console.print(f"There are now {len(keyring.roots.ids())} root keys.")
            return
        count, left = rotate_root(keyring)
        console.print(f"{count} keys sealed anew. {left}", soft_wrap=True)
