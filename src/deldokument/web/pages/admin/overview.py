"""«Konfigurasjon»: the choice of tenant, the setup checklist, and the overview when members can share.

Guarantees:
- The error for a step that is tried too early lists all missing steps, with links.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import NotFound
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.services.tenants.activation import activate
from deldokument.services.tenants.deletion_record import deletion_record
from deldokument.services.tenants.setup_checklist import setup_checklist
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.admin.layout import SIGNED_IN, section_endpoint, section_page, section_path


def choose_tenant(call: RequestContext) -> Response:
    """Show the tenants of which the person is administrator or signatory; redirect if there is only one.

    If the person has just resigned as administrator, the page confirms it instead.

    Raises: NotFound if there is none.
    """
    tenants = call.roles.administered + call.roles.signs
    if not tenants:
        if call.query("fjernet") == "1":
            return render(call, "pages/admin/administrator_left.html")
        raise NotFound("administers nothing")
    if len(tenants) == 1:
        return RedirectResponse(_first_page(call, tenants[0]), 303)
    choices = [(tenant, _first_page(call, tenant)) for tenant in tenants]
    return render(call, "pages/admin/tenant_choice.html", choices=choices)


def _first_page(call: RequestContext, tenant: Tenant) -> str:
    return section_path(tenant.id, SIGNED_IN if tenant in call.roles.signs else "")


def overview(call: RequestContext) -> Response:
    """Show the setup steps; the overview once members can share; or that the service has ended."""
    if call.tenant.ended_at is not None:
        record = deletion_record(call.deps, tenant_id=call.tenant.id)
        return section_page(call, "", "pages/admin/overview_ended.html", record=record)
    checklist = setup_checklist(call.deps, tenant_id=call.tenant.id)
    template = "pages/admin/overview.html" if checklist.can_share else "pages/admin/setup_checklist.html"
    shares = any(membership.tenant.id == call.tenant.id for membership in call.roles.memberships)
    return section_page(
        call,
        "",
        template,
        checklist=checklist,
        shares=shares,
        refused=bool(call.refused),
        sends_notices=call.deps.sends_notices,
        sends_email=call.deps.mail is not None,
    )


def take_into_use(call: RequestContext) -> Response:
    """Activate the tenant («Ta i bruk»); if it is too early, show the checklist with the missing steps."""
    activate(call.deps, tenant_id=call.tenant.id, person=call.person.person)
    return RedirectResponse(section_path(call.tenant.id), 303)


ENDPOINTS = (
    Endpoint("/konfigurasjon", choose_tenant, RequiredRole.PERSON),
    section_endpoint("", overview),
    section_endpoint("/ta-i-bruk", take_into_use, POST, again=overview),
)
