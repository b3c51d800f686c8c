"""Accounts in KS' interface: the caller's own, and for administrators those of the tenant.

Status codes are as published by KS. Reading or renaming an account returns 204, which has no body. With ``Prefer:
return=representation`` (RFC 7240) it returns 200 with the object that KS describes.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response

from deldokument.domain.errors import InvalidInput, NotFound
from deldokument.domain.tenants.tenancy import Account, AccountRules
from deldokument.services.accounts import deletion, lifecycle
from deldokument.services.accounts.lifecycle import AccountView
from deldokument.services.accounts.statistics import document_counts
from deldokument.services.shares.display.disclosure import document_recipients
from deldokument.web.ks.account_schemas import (
    Shape,
    account_summary,
    available_account,
    named_account,
    text_of,
    with_sms,
)
from deldokument.web.ks.callers import Caller


def available(caller: Caller) -> Response:
    """Return the accounts that the caller may use."""
    return JSONResponse([available_account(membership) for membership in caller.memberships])


def recipients(caller: Caller) -> Response:
    """Return the recipients of a document. Persons are masked, unless the account gives its systems full numbers."""
    shown = document_recipients(caller.deps, caller.sharer, caller.path_id("kontoId"), caller.document_id)
    return JSONResponse([{"fnrOrgnr": number.replace(" ", "")} for number in shown])


def of_tenant(caller: Caller) -> Response:
    """Return a tenant's accounts."""
    views = lifecycle.list_accounts(caller.deps, tenant_id=caller.tenant.id)
    return JSONResponse([named_account(view.account) for view in views if view.account.deleted_at is None])


def create(caller: Caller) -> Response:
    """Create an account. Its recipients are notified by default only if the request has settings for notices."""
    rules, wanted = AccountRules(), caller.body.get("varsling")
    if wanted is not None:
        rules = with_sms(rules, _object(wanted, "varsling"))
    account = lifecycle.create_account(
        caller.deps, tenant_id=caller.tenant.id, name=_name(caller.body), rules=rules, person=caller.person
    )
    return JSONResponse(named_account(account), 201)


def _name(body: Mapping[str, Any]) -> str:
    name = text_of(body, "navn")
    if not name:
        raise InvalidInput("navn", "field_missing")
    return name


def _object(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(field, "field_malformed")
    return value


def summary(caller: Caller) -> Response:
    """Return an account of a tenant."""
    account = _view(caller).account
    return _without_body_unless_asked(caller, account_summary(account, document_counts(caller.deps, account.id)))


def rename(caller: Caller) -> Response:
    """Rename an account."""
    renamed = lifecycle.rename_account(
        caller.deps, **_place(caller), name=_name(caller.body), revision=_view(caller).account.revision
    )
    return _without_body_unless_asked(caller, named_account(renamed))


def _without_body_unless_asked(caller: Caller, shape: Shape) -> Response:
    wanted = [preference.strip().lower() for preference in caller.request.headers.get("prefer", "").split(",")]
    if "return=representation" in wanted:
        return JSONResponse(shape, headers={"Preference-Applied": "return=representation"})
    return Response(status_code=204)


def delete(caller: Caller) -> Response:
    """Delete an account: it is inaccessible at once. It can be restored on our pages within 24 hours.

    Raises: LoginNotFresh.
    """
    tenant = caller.tenant
    caller.check_fresh_login()
    name = lifecycle.show_account(caller.deps, tenant_id=tenant.id, account_id=caller.path_id("kontoId")).account.name
    deletion.delete_account(caller.deps, **_place(caller), typed_name=name)
    return Response(status_code=200)


def notify(caller: Caller) -> Response:
    """Turn on notices to recipients, with the given sender."""
    account = _view(caller).account
    _change_rules(caller, account, with_sms(account.rules, caller.body))
    return Response(status_code=201)


def notify_no_more(caller: Caller) -> Response:
    """Turn off notices. Sender and cost code are kept."""
    account = _view(caller).account
    _change_rules(caller, account, replace(account.rules, notify=False))
    return Response(status_code=201)


def _change_rules(caller: Caller, account: Account, rules: AccountRules) -> None:
    lifecycle.change_account_rules(
        caller.deps,
        tenant_id=account.tenant_id,
        account_id=account.id,
        rules=rules,
        revision=account.revision,
        person=caller.person,
    )


def _view(caller: Caller) -> AccountView:
    view = lifecycle.show_account(caller.deps, tenant_id=caller.tenant.id, account_id=caller.path_id("kontoId"))
    if view.account.deleted_at is not None:
        raise NotFound("deleted account")
    return view


def _place(caller: Caller) -> dict[str, Any]:
    return {"tenant_id": caller.tenant.id, "account_id": caller.path_id("kontoId"), "person": caller.person}
