"""«Personvern»: whom members turn to, and Datatilsynet asks, after a breach of personal data security."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import InvalidInput
from deldokument.domain.tenants.tenancy import BREACH_CONTACT_LENGTH
from deldokument.services.tenants.registration import name_breach_contact
from deldokument.web.http.request import RequestContext
from deldokument.web.http.responses.errors import error_text, status_of
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path

_SECTION, _FIELD = "personvern", "breach_contact"


def contact_page(call: RequestContext) -> Response:
    """Show the contact."""
    return _page(call, call.tenant.breach_contact)


def save(call: RequestContext) -> Response:
    """Store the contact; an empty one removes it."""
    typed = call.fields.get(_FIELD, "")
    try:
        name_breach_contact(call.deps, tenant_id=call.tenant.id, contact=typed, person=call.person.person)
    except InvalidInput as error:
        return _page(call, typed, error)
    return RedirectResponse(f"{section_path(call.tenant.id, _SECTION)}?lagret=1", 303)


def _page(call: RequestContext, typed: str, error: InvalidInput | None = None) -> Response:
    errors = [(_FIELD, error_text(error, call.translator))] if error else []
    return section_page(
        call,
        _SECTION,
        "pages/admin/breach_contact.html",
        status=status_of(error) if error else 200,
        errors=errors,
        typed=typed,
        longest=BREACH_CONTACT_LENGTH,
        saved=call.query("lagret") == "1" and not errors,
    )


ENDPOINTS = (
    section_endpoint(f"/{_SECTION}", contact_page),
    section_endpoint(f"/{_SECTION}", save, ("POST",)),
)
