"""«Kontoer»: a tenant's accounts, and the settings and deletion of each.

Guarantees:
- After every error the form still contains the input.
- A form that is sent twice takes effect once.
- If two administrators change an account at once, the second one sees both values of each rule and chooses.
- Deleting takes more than a single click.

The rules are in `services.accounts.lifecycle` and `services.accounts.deletion`. Integrations have separate pages.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Conflict, InvalidInput
from deldokument.domain.tenants.tenancy import Account
from deldokument.services.accounts import deletion, lifecycle
from deldokument.services.accounts.lifecycle import AccountView
from deldokument.services.notifications.webhooks import webhooks_of_account
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.requests.form_values import read_count
from deldokument.web.http.responses.errors import error_text
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import NavItem
from deldokument.web.pages.admin import account_forms
from deldokument.web.pages.admin.account_forms import CHOICE, MINE, STORED, Difference
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path

SECTION = "kontoer"
_SAVED = frozenset({"ny", "navn", "regler", "angret", "stengt", "apnet", "system", "ny-tilgang", "uten-tilgang"})
"""Values of ``lagret`` in the URL of an account's page: the action that has just been done."""


def list_page(call: RequestContext) -> Response:
    """Show all accounts, and the form for a new one."""
    views = lifecycle.list_accounts(call.deps, tenant_id=call.tenant.id)
    namesake = call.refused.params.get("account") if call.refused else None
    return section_page(
        call,
        SECTION,
        "pages/admin/accounts.html",
        living=[view for view in views if view.undo_until is None],
        deleted=[view for view in views if view.undo_until is not None],
        name=call.fields.get("name", ""),
        namesake=next((view.account for view in views if view.account.id == namesake), None),
    )


def create(call: RequestContext) -> Response:
    """Create an account.

    If the same form is sent twice, the second gets an error that names the account.
    """
    name = call.fields.get("name", "")
    account = lifecycle.create_account(call.deps, tenant_id=call.tenant.id, name=name, person=call.person.person)
    return to_account(call, account.id, "ny")


def account_page(call: RequestContext, *, typed: Mapping[str, str] | None = None) -> Response:
    """Show an account: contents, rules, integrations and their webhooks, closing and deleting."""
    view = view_of(call)
    account = view.account
    saved = call.query("lagret")
    # The browser's history contains pages with messages about earlier actions.
    is_so = {"stengt": account.closed_at, "apnet": not account.closed_at}.get(saved, True)
    return section_page(
        call,
        SECTION,
        "pages/admin/account.html",
        errors=account_forms.with_labels(call.errors, call.translator),
        faults=dict(call.errors),
        above=(all_accounts(call),),
        view=view,
        account=account,
        typed=typed if typed is not None else account_forms.as_typed(account.rules, call.translator),
        name=call.fields.get("name", account.name),
        number=call.fields.get("organization_number", ""),
        archived="archive_confirmed" in call.fields,
        saved=saved if saved in _SAVED and not call.errors and is_so else "",
        webhooks=webhooks_of_account(call.deps, tenant_id=call.tenant.id, account_id=account.id),
        usual=account_forms.period_words(account.period(call.tenant).standard, call.translator),
        longest=account_forms.period_words(call.tenant.period.longest, call.translator),
        usual_quota=call.deps.config.default_quota,
        usual_undo_minutes=call.deps.config.default_undo_window // timedelta(minutes=1),
        tells_recipients=call.deps.sends_notices,
        channels=[(one.value, call.translator.text(words)) for one, words in account_forms.CHANNELS.items()],
    )


def view_of(call: RequestContext) -> AccountView:
    return lifecycle.show_account(call.deps, tenant_id=call.tenant.id, account_id=call.path("account_id"))


def all_accounts(call: RequestContext) -> NavItem:
    return NavItem(section_path(call.tenant.id, SECTION), call.translator.text(_("Accounts")))


def above_account(call: RequestContext, account: Account) -> tuple[NavItem, NavItem]:
    """Return the breadcrumbs of a page below the account's."""
    return all_accounts(call), NavItem(path_of(call, account.id), account.name)


def path_of(call: RequestContext, account_id: str, *below: str) -> str:
    return section_path(call.tenant.id, SECTION, account_id, *below)


def to_account(call: RequestContext, account_id: str, saved: str = "") -> Response:
    """Return to the account's page, which says what has just been done."""
    return RedirectResponse(path_of(call, account_id) + (f"?lagret={saved}" if saved else ""), 303)


def account_arguments(call: RequestContext) -> dict[str, Any]:
    """Return the arguments that the service functions about an account share."""
    return {"tenant_id": call.tenant.id, "account_id": call.path("account_id"), "person": call.person.person}


def _revision(call: RequestContext) -> int:
    """Return the revision for which the form was rendered; if it is missing, one that matches no account."""
    return read_count(call.fields.get("revision", ""))


def rename(call: RequestContext) -> Response:
    """Rename the account."""
    name = call.fields.get("name", "")
    if call.fields.get(f"{CHOICE}name") == STORED:
        return to_account(call, call.path("account_id"))
    if missing := _unchosen(call):
        return _two_names(call, name, missing)
    try:
        lifecycle.rename_account(call.deps, **account_arguments(call), name=name, revision=_revision(call))
    except Conflict as error:
        if error.code != "changed_meanwhile":
            raise
        return _two_names(call, name)
    return to_account(call, call.path("account_id"), "navn")


def _two_names(call: RequestContext, name: str, missing: frozenset[str] = frozenset()) -> Response:
    differs = Difference("name", call.translator.text(_("Name")), name, view_of(call).account.name)
    return _conflict(call, "navn", [differs], {"name": name}, missing)


def change_rules(call: RequestContext) -> Response:
    """Change the rules; after a conflict, set each rule to the chosen value."""
    account = view_of(call).account
    typed = _typed_rules(call, account)
    rules = account_forms.read_rules(typed, call.tenant.period)
    if missing := _unchosen(call):
        differing = account_forms.differences(rules, account.rules, call.translator)
        return _conflict(call, "regler", differing, typed, missing)
    try:
        lifecycle.change_account_rules(call.deps, **account_arguments(call), rules=rules, revision=_revision(call))
    except Conflict as error:
        if error.code != "changed_meanwhile":
            raise
        differing = account_forms.differences(rules, view_of(call).account.rules, call.translator)
        return _conflict(call, "regler", differing, typed)
    return to_account(call, call.path("account_id"), "regler")


def _rules_again(call: RequestContext) -> Response:
    return account_page(call, typed=_typed_rules(call, view_of(call).account))


def _typed_rules(call: RequestContext, account: Account) -> Mapping[str, str]:
    """Return the rules in the form, with the stored values that were chosen after a conflict."""
    typed = account_forms.typed_rules(call.fields)
    if account.revision != _revision(call):
        return typed
    return account_forms.with_choices(typed, call.fields, account_forms.as_typed(account.rules, call.translator))


def _unchosen(call: RequestContext) -> frozenset[str]:
    """Return the rules for which the page of a conflict asked for a choice and got none."""
    asked = filter(None, call.fields.get("choices", "").split(","))
    return frozenset(rule for rule in asked if call.fields.get(CHOICE + rule) not in {STORED, MINE})


def _conflict(
    call: RequestContext,
    action: str,
    differing: list[Difference],
    typed: Mapping[str, str],
    missing: frozenset[str] = frozenset(),
) -> Response:
    """Show both values of each rule on which two administrators differ, to choose from."""
    account = view_of(call).account
    words = error_text(InvalidInput("", "choice_missing"), call.translator)
    errors = [(f"{CHOICE}{one.rule}-{MINE}", f"{one.label}: {words}") for one in differing if one.rule in missing]
    return section_page(
        call,
        SECTION,
        "pages/admin/account_conflict.html",
        status=422 if errors else 409,
        errors=errors,
        above=above_account(call, account),
        account=account,
        action=path_of(call, account.id, action),
        differing=differing,
        typed=typed,
        missing=missing,
    )


def close(call: RequestContext) -> Response:
    """Close the account to new shares."""
    lifecycle.close_account(call.deps, **account_arguments(call))
    return to_account(call, call.path("account_id"), "stengt")


def reopen(call: RequestContext) -> Response:
    """Reopen the account for new shares."""
    lifecycle.reopen_account(call.deps, **account_arguments(call))
    return to_account(call, call.path("account_id"), "apnet")


def deletion_page(call: RequestContext) -> Response:
    """Render the confirmation page with the contents to be deleted and a field for the account's name."""
    view = view_of(call)
    if view.undo_until is not None:
        return to_account(call, view.account.id)
    return section_page(
        call,
        SECTION,
        "pages/admin/account_deletion.html",
        above=above_account(call, view.account),
        view=view,
        account=view.account,
        typed_name=call.fields.get("typed_name", ""),
    )


def delete(call: RequestContext) -> Response:
    """Delete the account, if the typed name is right. It is inaccessible at once."""
    deletion.delete_account(call.deps, **account_arguments(call), typed_name=call.fields.get("typed_name", ""))
    return to_account(call, call.path("account_id"))


def undo_deletion(call: RequestContext) -> Response:
    """Undo the deletion; if that is too late, show the list with the reason."""
    deletion.undo_deletion(call.deps, **account_arguments(call))
    return to_account(call, call.path("account_id"), "angret")


_ONE = f"/{SECTION}/{{account_id}}"
ENDPOINTS = (
    section_endpoint(f"/{SECTION}", list_page),
    section_endpoint(f"/{SECTION}", create, POST, again=list_page, error_field="name"),
    section_endpoint(_ONE, account_page),
    section_endpoint(f"{_ONE}/navn", rename, POST, again=account_page, error_field="name"),
    section_endpoint(f"{_ONE}/regler", change_rules, POST, again=_rules_again),
    section_endpoint(f"{_ONE}/stenging", close, POST, again=account_page),
    section_endpoint(f"{_ONE}/gjenapning", reopen, POST, again=account_page),
    section_endpoint(f"{_ONE}/sletting", deletion_page),
    section_endpoint(f"{_ONE}/sletting", delete, POST, again=deletion_page, needs_fresh_login=_("Delete an account")),
    section_endpoint(f"{_ONE}/angring", undo_deletion, POST, again=list_page),
)
