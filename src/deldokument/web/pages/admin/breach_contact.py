"""«Personvern»: the contact for members and Datatilsynet after a breach of personal data security."""

from starlette.responses import RedirectResponse, Response

from deldokument.domain.tenants.tenancy import BREACH_CONTACT_LENGTH
from deldokument.services.tenants.registration import name_breach_contact
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path

_SECTION, _FIELD = "personvern", "breach_contact"


def contact_page(call: RequestContext) -> Response:
    """Show the contact."""
    return section_page(
        call,
        _SECTION,
        "pages/admin/breach_contact.html",
        typed=call.fields.get(_FIELD, call.tenant.breach_contact),
        longest=BREACH_CONTACT_LENGTH,
        saved=call.query("lagret") == "1" and not call.errors,
    )


def save(call: RequestContext) -> Response:
    """Store the contact; an empty one removes it."""
    typed = call.fields.get(_FIELD, "")
    name_breach_contact(call.deps, tenant_id=call.tenant.id, contact=typed, person=call.person.person)
    return RedirectResponse(f"{section_path(call.tenant.id, _SECTION)}?lagret=1", 303)


ENDPOINTS = (
    section_endpoint(f"/{_SECTION}", contact_page),
    section_endpoint(f"/{_SECTION}", save, POST, again=contact_page),
)
