"""`deldokument account …`: the functions of the page «Kontoer», for operators."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import Annotated, Any

import typer

from deldokument.cli.operate.tenants import Reason
from deldokument.cli.output import TAKES_IDS, Json, Row, given_options, say_changed, say_one, say_rows
from deldokument.cli.runtime import opened_node
from deldokument.domain.errors import require
from deldokument.domain.tenants.accounts import GIGABYTE
from deldokument.domain.tenants.tenancy import Account, Integration, NoticeChannel
from deldokument.domain.uuids import uuid_of
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import deletion, integrations, lifecycle
from deldokument.services.accounts.lifecycle import AccountView
from deldokument.services.tenants import freezing

app = typer.Typer(help="Accounts of tenants.", no_args_is_help=True)
_DAY = timedelta(days=1)


def tenant_of(deps: Dependencies, account_id: str) -> str:
    """Return the id of the account's tenant. Raises: NotFound."""
    with deps.database.read() as tx:
        return require(tx.accounts.get(account_id), "account").tenant_id


def account_row(account: Account) -> Row:
    """Return an account as a row of the commands' output."""
    rules = account.rules
    return {
        "id": account.id,
        "tenant_id": account.tenant_id,
        "name": account.name,
        "standard_period": rules.standard,
        "longest_period": rules.longest,
        "confidential": rules.confidential,
        "quota_bytes": rules.quota,
        "four_eyes": rules.four_eyes,
        "telephone": rules.contact.telephone,
        "email": rules.contact.email,
        "hours": rules.contact.hours,
        "notify": rules.notify,
        "sms_sender": rules.sms_sender,
        "sms_cost_code": rules.sms_cost_code,
        "full_numbers": rules.full_numbers,
        "name_tenant": rules.name_tenant,
        "notice_channel": rules.notice_channel.value,
        "undo_window": rules.undo_window,
        "closed_at": account.closed_at,
        "deleted_at": account.deleted_at,
        "frozen_at": account.frozen_at,
    }


def _view_row(view: AccountView) -> Row:
    contents = view.contents
    return account_row(view.account) | {
        "undo_until": view.undo_until,
        "members": contents.members,
        "drafts": contents.drafts,
        "open_shares": contents.open_shares,
        "documents": contents.documents,
        "stored_bytes": contents.stored_bytes,
        "integrations": [_integration_row(integration) for integration in view.integrations],
    }


def _integration_row(integration: Integration) -> Row:
    return {
        "id": integration.id,
        "organization_number": integration.organization_number,
        "name": integration.name,
        "rights": integration.rights.value,
        "archive_confirmed_at": _iso(integration.archive_confirmed_at),
        "added_at": integration.added_at.isoformat(),
        "used_at": _iso(integration.used_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


@contextmanager
def _open_account(account_id: str) -> Iterator[tuple[Dependencies, dict[str, Any]]]:
    """Open the deployment. Yield its dependencies, and the account as keyword arguments of the use cases."""
    with opened_node() as node:
        yield node.deps, {"tenant_id": tenant_of(node.deps, account_id), "account_id": account_id}


@app.command("list", context_settings=TAKES_IDS)
def list_all(tenant: str, as_json: Json = False) -> None:
    """List the accounts of a tenant, including deleted ones that can still be restored."""
    with opened_node() as node:
        rows = [_view_row(view) for view in lifecycle.list_accounts(node.deps, tenant_id=tenant)]
        say_rows(("id", "name", "members", "open_shares", "stored_bytes"), rows, as_json=as_json)


@app.command("show", context_settings=TAKES_IDS)
def show(account: str, as_json: Json = False) -> None:
    """Show one account with its rules and its contents."""
    with _open_account(account) as (deps, which):
        say_one(_view_row(lifecycle.show_account(deps, **which)), as_json=as_json)


@app.command("create", context_settings=TAKES_IDS)
def create(tenant: str, name: str, as_json: Json = False) -> None:
    """Create an account for a tenant that has activated the service."""
    with opened_node() as node:
        say_changed(account_row(lifecycle.create_account(node.deps, tenant_id=tenant, name=name)), as_json=as_json)


@app.command("rename", context_settings=TAKES_IDS)
def rename(account: str, name: str, as_json: Json = False) -> None:
    """Rename an account."""
    with _open_account(account) as (deps, which):
        present = lifecycle.show_account(deps, **which).account
        renamed = lifecycle.rename_account(deps, **which, name=name, revision=present.revision)
        say_changed(account_row(renamed), as_json=as_json)


@app.command("rules", context_settings=TAKES_IDS)
def rules(
    account: str,
    standard_days: Annotated[int | None, typer.Option(min=1, max=90, help="Standard period in days.")] = None,
    longest_days: Annotated[int | None, typer.Option(min=1, max=90, help="Longest period in days.")] = None,
    confidential: Annotated[bool | None, typer.Option(help="Are shares confidential by default?")] = None,
    quota_gb: Annotated[float | None, typer.Option(help="Quota in GB; 0 for the operator's default.")] = None,
    four_eyes: Annotated[bool | None, typer.Option(help="Must a second member approve each share?")] = None,
    telephone: Annotated[str | None, typer.Option(help="Telephone for recipients' questions.")] = None,
    email: str | None = None,
    hours: str | None = None,
    notify: Annotated[bool | None, typer.Option(help="Are recipients notified of shares by default?")] = None,
    sms_sender: Annotated[str | None, typer.Option(help="Sender of SMS notices, 2 to 11 characters.")] = None,
    sms_cost_code: str | None = None,
    full_numbers: Annotated[bool | None, typer.Option(help="Do systems get recipients' full numbers back?")] = None,
    name_tenant: Annotated[bool | None, typer.Option(help="Do notices of confidential shares name the tenant?")] = None,
    notice_channel: Annotated[NoticeChannel | None, typer.Option(help="How recipients are notified.")] = None,
    undo_minutes: Annotated[int | None, typer.Option(help="How long a publication can be undone.")] = None,
    as_json: Json = False,
) -> None:
    """Set an account's rules. Options that are not given keep their values.

    Only an administrator can switch off approval by a second member or the default «confidential», on the tenant's
    pages.
    """
    with _open_account(account) as (deps, which):
        present = lifecycle.show_account(deps, **which).account
        kept = present.rules
        wanted = replace(
            kept,
            contact=replace(kept.contact, **given_options(telephone=telephone, email=email, hours=hours)),
            standard=kept.standard if standard_days is None else standard_days * _DAY,
            longest=kept.longest if longest_days is None else longest_days * _DAY,
            quota=kept.quota if quota_gb is None else _bytes(quota_gb),
            undo_window=kept.undo_window if undo_minutes is None else timedelta(minutes=undo_minutes),
            **given_options(
                confidential=confidential,
                four_eyes=four_eyes,
                notify=notify,
                sms_sender=sms_sender,
                sms_cost_code=sms_cost_code,
                full_numbers=full_numbers,
                name_tenant=name_tenant,
                notice_channel=notice_channel,
            ),
        )
        changed = lifecycle.change_account_rules(deps, **which, rules=wanted, revision=present.revision)
        say_changed(account_row(changed), as_json=as_json)


def _bytes(gigabytes: float) -> int | None:
    """Return the quota in bytes; None for 0, the operator's default. Less than a byte becomes 0, which is rejected."""
    if not isfinite(gigabytes):
        raise typer.BadParameter("must be a number of GB", param_hint="--quota-gb")
    return round(gigabytes * GIGABYTE) if gigabytes else None


def _change(change: Callable[..., Account], account_id: str, *, as_json: bool) -> None:
    with _open_account(account_id) as (deps, which):
        say_changed(account_row(change(deps, **which)), as_json=as_json)


@app.command("close", context_settings=TAKES_IDS)
def close(account: str, as_json: Json = False) -> None:
    """Close an account: no new shares. Existing shares stay available until their end."""
    _change(lifecycle.close_account, account, as_json=as_json)


@app.command("reopen", context_settings=TAKES_IDS)
def reopen(account: str, as_json: Json = False) -> None:
    """Allow new shares from a closed account again."""
    _change(lifecycle.reopen_account, account, as_json=as_json)


@app.command("delete", context_settings=TAKES_IDS)
def delete(
    account: str,
    name: Annotated[str, typer.Option(help="The account's name, to confirm.")],
    as_json: Json = False,
) -> None:
    """Delete an account: it is inaccessible at once; its shares end after 24 hours.

    `account show` lists its contents.
    """
    _change(partial(deletion.delete_account, typed_name=name), account, as_json=as_json)


@app.command("undo-delete", context_settings=TAKES_IDS)
def undo_delete(account: str, as_json: Json = False) -> None:
    """Restore an account that was deleted less than 24 hours ago."""
    _change(deletion.undo_deletion, account, as_json=as_json)


@app.command("freeze", context_settings=TAKES_IDS)
def freeze(account: str, reason: Reason, as_json: Json = False) -> None:
    """Freeze an account, without deleting anything."""
    with opened_node() as node:
        say_changed(account_row(freezing.set_account_freeze(node.deps, account, None, reason)), as_json=as_json)


@app.command("unfreeze", context_settings=TAKES_IDS)
def unfreeze(account: str, as_json: Json = False) -> None:
    """Unfreeze an account."""
    with opened_node() as node:
        say_changed(account_row(freezing.set_account_freeze(node.deps, account, None, None)), as_json=as_json)


@app.command("integration-archive", context_settings=TAKES_IDS)
def integration_archive(
    account: str,
    integration: str,
    confirmed: Annotated[
        bool, typer.Option("--confirmed/--not-confirmed", help="Are all documents archived by the organisation?")
    ],
    as_json: Json = False,
) -> None:
    """Confirm that all documents of an integration are archived, or withdraw the confirmation.

    With it, its systems need not confirm this for each share.
    """
    with _open_account(account) as (deps, which):
        changed = integrations.confirm_archive(deps, **which, integration_id=integration, confirmed=confirmed)
        say_changed(_integration_row(changed), as_json=as_json)


@app.command("integration-password", context_settings=TAKES_IDS)
def integration_password(account: str, integration: str, as_json: Json = False) -> None:
    """Create a new password for KS' interface; print it, once only, with the integration's id in that interface."""
    with _open_account(account) as (deps, which):
        password = integrations.renew_password(deps, **which, integration_id=integration)
        say_changed({"integrasjon_id": uuid_of(integration), "password": password}, as_json=as_json)


@app.command("remove-integration", context_settings=TAKES_IDS)
def remove_integration(account: str, integration: str, as_json: Json = False) -> None:
    """Remove an integration: its systems lose access at once."""
    with _open_account(account) as (deps, which):
        integrations.remove_integration(deps, **which, integration_id=integration)
        say_changed({"id": integration}, as_json=as_json)
