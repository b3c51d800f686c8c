"""`deldokument operator …`: the persons who may open `/drift`."""

import typer

from deldokument.cli.output import TAKES_IDS, Json, ask_number, say_changed, say_rows
from deldokument.cli.runtime import opened_node
from deldokument.services.tenants import operators

app = typer.Typer(help="Operators, who may open /drift.", no_args_is_help=True)


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List the operators, with masked numbers."""
    with opened_node() as node:
        people = operators.list_operators(node.deps)
        rows = [{"id": person.id, "name": person.name, "number": person.masked} for person in people]
        say_rows(("id", "name", "number"), rows, as_json=as_json)


@app.command("add")
def add(name: str, as_json: Json = False) -> None:
    """Let a person operate the service. Prompts for the person's number, or reads it from standard input."""
    with opened_node() as node:
        added = operators.add_operator(node.deps, number=ask_number(), name=name)
        say_changed({"id": added.id, "name": added.name, "number": added.masked}, as_json=as_json)


@app.command("remove", context_settings=TAKES_IDS)
def remove(operator: str, as_json: Json = False) -> None:
    """Remove an operator at once."""
    with opened_node() as node:
        operators.remove_operator(node.deps, operator_id=operator)
        say_changed({"id": operator}, as_json=as_json)
