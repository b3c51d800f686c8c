"""`deldokument integrity …`: the tags of the rows that decide about access, after an upgrade from before 0.3.0."""

from __future__ import annotations

import typer

from deldokument.cli.output import TAKES_IDS, Json, say_changed, say_one, say_rows
from deldokument.cli.runtime import opened_node
from deldokument.services.maintenance.lag import measure_lag
from deldokument.services.maintenance.row_tagging import accept_row, has_older_nodes, list_doubtful

app = typer.Typer(help="Tags of the rows that decide about access.", no_args_is_help=True)


@app.command("status")
def status(as_json: Json = False) -> None:
    """Show how far the worker is with giving tags to the rows of an earlier version."""
    with opened_node() as node:
        measured = measure_lag(node.deps)
        row = {
            "enforced": node.deps.integrity.is_enforced(),
            "rows_without_tag": measured.untagged_rows,
            "rows_to_look_into": measured.doubtful_rows,
            "older_nodes": has_older_nodes(node.deps),
        }
        say_one(row, as_json=as_json)


@app.command("list")
def list_rows(as_json: Json = False) -> None:
    """List the rows that the event log does not support. They get no tag, and so open nothing."""
    with opened_node() as node:
        rows = [
            {"kind": one.kind, "id": one.id, "doubt": one.doubt.value, "found_at": one.found_at}
            for one in list_doubtful(node.deps)
        ]
        say_rows(("kind", "id", "doubt", "found_at"), rows, as_json=as_json)


@app.command("accept", context_settings=TAKES_IDS)
def accept(kind: str, row: str, as_json: Json = False) -> None:
    """Give a listed row a tag as it is. You vouch for every column of it; the event log records that."""
    with opened_node() as node:
        accept_row(node.deps, kind=kind, row_id=row)
        say_changed({"id": row, "kind": kind}, as_json=as_json)
