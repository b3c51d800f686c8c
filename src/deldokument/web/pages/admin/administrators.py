"""«Administratorer»: the people who configure the tenant.

Guarantees:
- After every error the form still contains the input.
- Removing an administrator asks for confirmation once.
- Administrators who remove themselves get a page that explains the consequences.

The rules are in services.tenants.administrators.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import NotFound, require
from deldokument.services.tenants import administrators
from deldokument.services.tenants.registration import change_email
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import NavItem
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path

SECTION = "administratorer"


def list_page(call: RequestContext) -> Response:
    """Show the administrators by name, those who wait for confirmation, and the form for another one."""
    everyone = administrators.list_administrators(call.deps, tenant_id=call.tenant.id)
    return section_page(
        call,
        SECTION,
        "pages/admin/administrators.html",
        administrators=[one for one in everyone if one.acts],
        waiting=[one for one in everyone if not one.acts],
        own_id=_own_id(call),
        typed=call.typed("number", "name"),
        email=call.fields.get("email", call.tenant.contact.email),
        added=call.query("lagt-til") == "1" and not call.errors,
        removed=call.query("fjernet") == "1" and not call.errors,
        confirmed=call.query("bekreftet") == "1" and not call.errors,
        saved=call.query("lagret") == "1" and not call.errors,
    )


def add(call: RequestContext) -> Response:
    """Add an administrator."""
    administrators.add_administrator(
        call.deps, tenant_id=call.tenant.id, **call.typed("number", "name"), person=call.person.person
    )
    return RedirectResponse(f"{section_path(call.tenant.id, SECTION)}?lagt-til=1", 303)


def confirm(call: RequestContext) -> Response:
    """Confirm a waiting administrator. Idempotent."""
    where = {"tenant_id": call.tenant.id, "administrator_id": call.fields.get("administrator", "")}
    administrators.confirm_administrator(call.deps, **where, person=call.person.person)
    return RedirectResponse(f"{section_path(call.tenant.id, SECTION)}?bekreftet=1", 303)


def save_email(call: RequestContext) -> Response:
    """Change the contact address, to which e-mail goes when no administrator is left."""
    email = call.fields.get("email", "")
    change_email(call.deps, tenant_id=call.tenant.id, email=email, person=call.person.person)
    return RedirectResponse(f"{section_path(call.tenant.id, SECTION)}?lagret=1", 303)


def removal_page(call: RequestContext) -> Response:
    """Ask for confirmation before an administrator is removed."""
    everyone = administrators.list_administrators(call.deps, tenant_id=call.tenant.id)
    wanted = (view for view in everyone if view.id == call.path("administrator_id"))
    chosen = require(next(wanted, None), "administrator")
    return section_page(
        call,
        SECTION,
        "pages/admin/administrator_removal.html",
        above=(NavItem(section_path(call.tenant.id, SECTION), call.translator.text(_("Administrators"))),),
        administrator=chosen,
        own=chosen.id == _own_id(call),
        last=not any(one.acts for one in everyone if one.id != chosen.id),
    )


def remove(call: RequestContext) -> Response:
    """Remove an administrator, with effect from the next request. Idempotent."""
    own = call.path("administrator_id") == _own_id(call)
    try:
        administrators.remove_administrator(
            call.deps,
            tenant_id=call.tenant.id,
            administrator_id=call.path("administrator_id"),
            person=call.person.person,
        )
    except NotFound:
        return RedirectResponse(section_path(call.tenant.id, SECTION), 303)
    here = "/konfigurasjon" if own else section_path(call.tenant.id, SECTION)
    return RedirectResponse(f"{here}?fjernet=1", 303)


def _own_id(call: RequestContext) -> str | None:
    return administrators.administrator_of(call.deps, tenant_id=call.tenant.id, person=call.person.person)


_ONE = f"/{SECTION}/{{administrator_id}}/fjerning"
_CONFIRMATION = f"/{SECTION}/bekreftelse"
_EMAIL = f"/{SECTION}/e-postadresse"
ENDPOINTS = (
    section_endpoint(f"/{SECTION}", list_page),
    section_endpoint(
        f"/{SECTION}",
        add,
        POST,
        again=list_page,
        error_field="number",
        needs_fresh_login=_("Add an administrator"),
    ),
    section_endpoint(_CONFIRMATION, list_page),
    section_endpoint(_CONFIRMATION, confirm, POST, needs_fresh_login=_("Confirm an administrator")),
    section_endpoint(_EMAIL, list_page),
    section_endpoint(_EMAIL, save_email, POST, again=list_page, needs_fresh_login=_("Change the e-mail address")),
    section_endpoint(_ONE, removal_page),
    section_endpoint(_ONE, remove, POST, again=list_page, needs_fresh_login=_("Remove an administrator")),
)
