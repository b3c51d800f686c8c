"""`deldokument inspection …`: malware scans on demand."""

import typer

from deldokument.cli.output import Json, say_one
from deldokument.cli.runtime import opened_node
from deldokument.services.inspection.documents import rescan_open_shares

app = typer.Typer(help="Malware scans.", no_args_is_help=True)


@app.callback()
def _inspection() -> None:
    """Malware scans."""


@app.command("rescan")
def rescan(as_json: Json = False) -> None:
    """Have the worker scan every document of open shares again."""
    with opened_node() as node:
        say_one({"documents": rescan_open_shares(node.deps)}, as_json=as_json)
