"""`deldokument member …`: the persons who may share from an account."""

import sys
from collections.abc import Iterator

import typer

from deldokument.cli.operate.accounts import tenant_of
from deldokument.cli.output import TAKES_IDS, Json, Row, ask_number, say_changed, say_rows
from deldokument.cli.runtime import opened_node
from deldokument.domain.errors import InvalidInput, require
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import member_import, members
from deldokument.services.accounts.member_import import Outcome
from deldokument.services.accounts.members import MemberView

app = typer.Typer(help="Members of accounts.", no_args_is_help=True)


def _row(member: MemberView) -> Row:
    return {
        "id": member.id,
        "name": member.name,
        "number": member.masked,
        "added_at": member.added_at,
        "used_at": member.used_at,
        "acts_from": member.acts_from,
    }


def _every(deps: Dependencies, account: str) -> Iterator[MemberView]:
    tenant, before = tenant_of(deps, account), None
    while True:
        page = members.list_members(deps, tenant_id=tenant, account_id=account, before=before)
        yield from page.members
        before = page.next
        if before is None:
            return


@app.command("list", context_settings=TAKES_IDS)
def list_all(account: str, as_json: Json = False) -> None:
    """List the members of an account, newest first, with masked numbers.

    Without a date in the last column, they are unconfirmed.
    """
    with opened_node() as node:
        rows = [_row(member) for member in _every(node.deps, account)]
        say_rows(("id", "name", "number", "used_at", "acts_from"), rows, as_json=as_json)


@app.command("add", context_settings=TAKES_IDS)
def add(account: str, name: str, as_json: Json = False) -> None:
    """Let a person share from an account, once an administrator of its tenant has confirmed it.

    Prompts for the person's number, or reads it from standard input.
    """
    with opened_node() as node:
        tenant = tenant_of(node.deps, account)
        added = members.add_member(node.deps, tenant_id=tenant, account_id=account, number=ask_number(), name=name)
        say_changed(_row(added), as_json=as_json)


@app.command("import", context_settings=TAKES_IDS)
def import_list(account: str, as_json: Json = False) -> None:
    """Register every line of standard input («number;name»). If one line is wrong, nobody is registered.

    The members can share once an administrator of the tenant has confirmed them.
    """
    with opened_node() as node:
        tenant, text = tenant_of(node.deps, account), member_import.read_list(sys.stdin.buffer.read())
        preview = member_import.preview_list(node.deps, tenant_id=tenant, account_id=account, text=text)
        refused = preview.of(Outcome.REFUSED)
        if refused:
            lines = ", ".join(str(line.number) for line in refused)
            raise InvalidInput("list", "list_has_faults", detail=f"lines {lines}", count=len(refused))
        shown = [line.number for line in preview.of(Outcome.ADDED)]
        added = member_import.register_list(
            node.deps, tenant_id=tenant, account_id=account, text=text, shown=shown, batch=preview.batch
        )
        say_changed({"id": f"{added} registered", "registered": added}, as_json=as_json)


@app.command("remove", context_settings=TAKES_IDS)
def remove(member: str, as_json: Json = False) -> None:
    """End a membership at once, and abort its running uploads."""
    with opened_node() as node:
        with node.deps.database.read() as tx:
            account = require(tx.members.get(member), "member").account_id
        tenant = tenant_of(node.deps, account)
        members.remove_member(node.deps, tenant_id=tenant, account_id=account, member_id=member)
        say_changed({"id": member}, as_json=as_json)
