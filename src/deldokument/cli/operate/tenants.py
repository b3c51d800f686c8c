"""`deldokument tenant …`: tenants, their administrators, and freezing."""

from dataclasses import replace
from typing import Annotated

import typer

from deldokument.cli.output import (
    TAKES_IDS,
    Json,
    Row,
    ask_number,
    given_options,
    say_changed,
    say_one,
    say_rows,
)
from deldokument.cli.runtime import opened_node
from deldokument.domain.tenants.tenancy import Contact, Tenant
from deldokument.services.tenants import administrators, freezing, registration
from deldokument.services.tenants.freezing import FreezeReason

app = typer.Typer(help="Tenants and their administrators.", no_args_is_help=True)
Reason = Annotated[FreezeReason, typer.Option(help="The reason, for the audit trail.")]


def tenant_row(tenant: Tenant) -> Row:
    """Return a tenant as a row of the commands' output."""
    return {
        "id": tenant.id,
        "name": tenant.name,
        "organization_number": tenant.organization_number,
        "activated_at": tenant.activated_at,
        "frozen_at": tenant.frozen_at,
        "ended_at": tenant.ended_at,
        "longest_period_days": tenant.period.longest.days,
        "ask_archived": tenant.ask_archived,
        "retention_days": tenant.retention.days,
        "telephone": tenant.contact.telephone,
        "email": tenant.contact.email,
        "hours": tenant.contact.hours,
        "on_behalf_of": tenant.on_behalf_of,
    }


@app.command("create")
def create(
    number: Annotated[str, typer.Option(help="Organisation number. The name comes from Enhetsregisteret.")],
    administrator: Annotated[str, typer.Option(help="Name of the first administrator.")],
    email: Annotated[str, typer.Option(help="The organisation's address, which its service agreement names.")],
    telephone: str = "",
    hours: str = "",
    as_json: Json = False,
) -> None:
    """Register a public body with its first administrator, who can then set up the service."""
    with opened_node() as node:
        tenant = registration.register_tenant(
            node.deps,
            organization_number=number,
            contact=Contact(telephone, email, hours),
            number=ask_number(),
            name=administrator,
            person=None,
        )
        say_changed(tenant_row(tenant), as_json=as_json)
        if registration.is_winding_up(node.deps, tenant):
            typer.echo("The organisation is being wound up, according to Enhetsregisteret.", err=True)


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List all tenants."""
    with opened_node() as node:
        rows = [
            tenant_row(found.tenant) | {"administrators": found.administrators, "accounts": found.accounts}
            for found in registration.list_tenants(node.deps)
        ]
        columns = ("id", "name", "organization_number", "administrators", "accounts", "activated_at")
        say_rows(columns, rows, as_json=as_json)


@app.command("show", context_settings=TAKES_IDS)
def show(tenant: str, as_json: Json = False) -> None:
    """Show one tenant."""
    with opened_node() as node:
        say_one(tenant_row(registration.show_tenant(node.deps, tenant)), as_json=as_json)


@app.command("rules", context_settings=TAKES_IDS)
def rules(
    tenant: str,
    longest_days: Annotated[int | None, typer.Option(help="Longest period, 1 to 90 days.")] = None,
    ask_archived: Annotated[
        bool | None, typer.Option(help="Must sharers confirm that the original is archived?")
    ] = None,
    on_behalf_of: Annotated[
        str | None, typer.Option(help='Its name at ID-porten, for logins on its behalf; "" for none.')
    ] = None,
    telephone: Annotated[str | None, typer.Option(help="Telephone for recipients' questions.")] = None,
    email: Annotated[
        str | None, typer.Option(help="E-mail address. Once the tenant has signed, its administrators change it.")
    ] = None,
    hours: str | None = None,
    as_json: Json = False,
) -> None:
    """Set a tenant's rules. Options that are not given keep their values."""
    given = given_options(telephone=telephone, email=email, hours=hours)
    with opened_node() as node:
        kept = registration.show_tenant(node.deps, tenant).contact
        changed = registration.change_tenant_rules(
            node.deps,
            tenant_id=tenant,
            longest_days=longest_days,
            ask_archived=ask_archived,
            on_behalf_of=on_behalf_of,
            contact=replace(kept, **given) if given else None,
        )
        say_changed(tenant_row(changed), as_json=as_json)


@app.command("freeze", context_settings=TAKES_IDS)
def freeze(tenant: str, reason: Reason, as_json: Json = False) -> None:
    """Freeze a tenant with all its accounts and shares, without deleting anything."""
    with opened_node() as node:
        say_changed(tenant_row(freezing.set_tenant_freeze(node.deps, tenant, None, reason)), as_json=as_json)


@app.command("unfreeze", context_settings=TAKES_IDS)
def unfreeze(tenant: str, as_json: Json = False) -> None:
    """Unfreeze a tenant."""
    with opened_node() as node:
        say_changed(tenant_row(freezing.set_tenant_freeze(node.deps, tenant, None, None)), as_json=as_json)


@app.command("freeze-share", context_settings=TAKES_IDS)
def freeze_share(share: str, reason: Reason, as_json: Json = False) -> None:
    """Freeze one share. Its end is not delayed."""
    with opened_node() as node:
        frozen = freezing.set_share_freeze(node.deps, share, None, reason)
        say_changed({"id": frozen.id, "frozen_at": frozen.frozen_at}, as_json=as_json)


@app.command("unfreeze-share", context_settings=TAKES_IDS)
def unfreeze_share(share: str, as_json: Json = False) -> None:
    """Unfreeze a share."""
    with opened_node() as node:
        freezing.set_share_freeze(node.deps, share, None, None)
        say_changed({"id": share, "frozen_at": None}, as_json=as_json)


def _administrator_row(person: administrators.AdministratorView) -> Row:
    return {"id": person.id, "name": person.name, "number": person.masked, "acts_from": person.acts_from}


@app.command("administrators", context_settings=TAKES_IDS)
def list_administrators(tenant: str, as_json: Json = False) -> None:
    """List a tenant's administrators, with masked numbers. Without a date in the last column, they are unconfirmed."""
    with opened_node() as node:
        people = administrators.list_administrators(node.deps, tenant_id=tenant)
        say_rows(
            ("id", "name", "number", "acts_from"), [_administrator_row(person) for person in people], as_json=as_json
        )


@app.command("add-administrator", context_settings=TAKES_IDS)
def add_administrator(tenant: str, name: str, as_json: Json = False) -> None:
    """Let a person configure a tenant, once one of its administrators has confirmed it.

    If the tenant has no administrator left, the person is confirmed automatically seven days after an e-mail to the
    contact address.

    Prompts for the person's number, or reads it from standard input.
    """
    with opened_node() as node:
        added = administrators.add_administrator(node.deps, tenant_id=tenant, number=ask_number(), name=name)
        say_changed(_administrator_row(added), as_json=as_json)


@app.command("remove-administrator", context_settings=TAKES_IDS)
def remove_administrator(tenant: str, administrator: str, as_json: Json = False) -> None:
    """Remove an administrator at once. The last one cannot be removed."""
    with opened_node() as node:
        administrators.remove_administrator(node.deps, tenant_id=tenant, administrator_id=administrator)
        say_changed({"id": administrator}, as_json=as_json)
