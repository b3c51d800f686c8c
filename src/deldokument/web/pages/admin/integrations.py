"""Integrations: the systems that may use an account, their rights, their passwords for KS' interface, removal.

Guarantees:
- A password is shown once, in the response that created it. A reload of that page creates no new password.
- Removing rights takes more than a single click.

The rules are in services.accounts.integrations.
"""

from typing import Any

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Conflict, NotFound, Unavailable
from deldokument.domain.tenants.tenancy import IntegrationRights
from deldokument.domain.uuids import uuid_of
from deldokument.services.accounts import integrations
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.requests.form_values import read_count
from deldokument.web.http.responses.i18n import _
from deldokument.web.pages.admin.accounts import (
    SECTION,
    above_account,
    account_arguments,
    account_page,
    path_of,
    to_account,
    view_of,
)
from deldokument.web.pages.admin.layout import section_endpoint, section_page
from deldokument.web.pages.event_details import RIGHTS


def add_integration(call: RequestContext) -> Response:
    """Give a system (fagsystem) rights to the account."""
    try:
        integrations.add_integration(
            call.deps,
            **account_arguments(call),
            organization_number=call.fields.get("organization_number", ""),
            rights=_rights(call),
            archive_confirmed="archive_confirmed" in call.fields,
        )
    except Unavailable as error:
        call.refuse(error, "organization_number")
        return account_page(call)
    return to_account(call, call.path("account_id"), "ny-tilgang")


def _rights(call: RequestContext) -> IntegrationRights:
    """Return the chosen rights; the lower ones for an unknown value."""
    return IntegrationRights.SHARE if call.fields.get("rights") == IntegrationRights.SHARE else IntegrationRights.READ


def integration_page(call: RequestContext) -> Response:
    """Show its rights, when it last shared, and its id in KS' interface."""
    return _page(call, "pages/admin/integration.html", password="")


_SENT_AGAIN = _(
    "No new password was created, because the page was out of date. A password is shown only once: if nobody copied "
    "the last one, create a new one here."
)


def _page(call: RequestContext, template: str, **context: Any) -> Response:
    where = {"tenant_id": call.tenant.id, "account_id": call.path("account_id")}
    account, integration = integrations.show_integration(call.deps, **where, integration_id=call.path("integration_id"))
    return section_page(
        call,
        SECTION,
        template,
        above=above_account(call, account),
        account=account,
        integration=integration,
        path=path_of(call, account.id, "integrasjoner", integration.id),
        uuid=uuid_of(integration.id),
        rights=[(f"rights-{right}", right.value, call.translator.text(words)) for right, words in RIGHTS.items()],
        **context,
    )


def change_rights(call: RequestContext) -> Response:
    """Change the rights from now on."""
    integration_id, rights = call.path("integration_id"), _rights(call)
    integrations.change_rights(call.deps, **account_arguments(call), integration_id=integration_id, rights=rights)
    return to_account(call, call.path("account_id"), "system")


def confirm_archive(call: RequestContext) -> Response:
    """Confirm that the system's shares are archived, or withdraw the confirmation."""
    integration_id, confirmed = call.path("integration_id"), call.fields.get("confirmed") == "yes"
    integrations.confirm_archive(
        call.deps, **account_arguments(call), integration_id=integration_id, confirmed=confirmed
    )
    return RedirectResponse(path_of(call, call.path("account_id"), "integrasjoner", integration_id), 303)


def renew_password(call: RequestContext) -> Response:
    """Create a password and show it, this once.

    A reload sends the same form again, whose revision is then outdated.
    """
    integration_id, revision = call.path("integration_id"), read_count(call.fields.get("revision", ""))
    try:
        password = integrations.renew_password(
            call.deps, **account_arguments(call), integration_id=integration_id, revision=revision
        )
    except Conflict as error:
        if error.code != "changed_meanwhile":
            raise
        errors = [("new-password", call.translator.text(_SENT_AGAIN))]
        return _page(call, "pages/admin/integration.html", status=409, errors=errors, password="")
    return _page(call, "pages/admin/integration.html", password=password)


def removal_page(call: RequestContext) -> Response:
    """Ask for confirmation before the rights are removed."""
    return _page(call, "pages/admin/integration_removal.html")


def remove_integration(call: RequestContext) -> Response:
    """Remove the rights at once. Idempotent."""
    try:
        integrations.remove_integration(
            call.deps, **account_arguments(call), integration_id=call.path("integration_id")
        )
    except NotFound:
        _ = view_of(call)  # This raises NotFound for an account of another tenant.
    return to_account(call, call.path("account_id"), "uten-tilgang")


_ALL = f"/{SECTION}/{{account_id}}/integrasjoner"
_ONE = f"{_ALL}/{{integration_id}}"
ENDPOINTS = (
    section_endpoint(
        _ALL,
        add_integration,
        POST,
        again=account_page,
        error_field="organization_number",
        needs_fresh_login=_("Give a system access to an account"),
    ),
    section_endpoint(_ONE, integration_page),
    section_endpoint(_ONE, change_rights, POST, needs_fresh_login=_("Change what a system may do")),
    section_endpoint(f"{_ONE}/arkiv", confirm_archive, POST),
    section_endpoint(f"{_ONE}/passord", renew_password, POST, needs_fresh_login=_("Give a system a new password")),
    section_endpoint(f"{_ONE}/fjerning", removal_page),
    section_endpoint(f"{_ONE}/fjerning", remove_integration, POST),
)
