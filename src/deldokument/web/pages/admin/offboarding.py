"""«Avslutning»: consequences of the end, the export, the end itself, and the deletion record.

Guarantees:
- The end requires typing the organisation's name.
- The end is irrevocable.
"""

from starlette.responses import RedirectResponse, Response, StreamingResponse

from deldokument.services.tenants.deletion_certificate import deletion_paper
from deldokument.services.tenants.deletion_record import deletion_record
from deldokument.services.tenants.offboarding import holdings_of, offboard_tenant
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.responses.i18n import _
from deldokument.web.pages.admin.layout import section_endpoint, section_page, section_path
from deldokument.web.transfer.downloads import attachment
from deldokument.web.transfer.tenant_export import tenant_export

_SECTION = "avslutning"


def leaving_page(call: RequestContext) -> Response:
    """Show the steps to the end; after the end, the deletion record."""
    if call.tenant.ended_at is not None:
        record = deletion_record(call.deps, tenant_id=call.tenant.id)
        return section_page(call, _SECTION, "pages/admin/offboarding_ended.html", record=record)
    return section_page(
        call,
        _SECTION,
        "pages/admin/offboarding.html",
        held=holdings_of(call.deps, tenant_id=call.tenant.id),
        typed=call.fields.get("typed_name", ""),
        wrong=dict(call.errors).get("typed_name", ""),
    )


def end(call: RequestContext) -> Response:
    """End the service. Idempotent."""
    typed = call.fields.get("typed_name", "")
    offboard_tenant(call.deps, tenant_id=call.tenant.id, typed_name=typed, person=call.person.person)
    return RedirectResponse(section_path(call.tenant.id, _SECTION), 303)


def deletion_record_bytes(call: RequestContext) -> Response:
    """Return the deletion record as a sealed PDF."""
    pdf = deletion_paper(call.deps, tenant_id=call.tenant.id)
    return Response(pdf, headers=attachment("sletteprotokoll.pdf"), media_type="application/pdf")


def export(call: RequestContext) -> Response:
    """Return the zip of the tenant's data."""
    name, pieces = tenant_export(call.deps, call.tenant.id, call.translator, call.person.person)
    return StreamingResponse(pieces, headers=attachment(name), media_type="application/zip")


ENDPOINTS = (
    section_endpoint("/avslutning", leaving_page),
    section_endpoint(
        "/avslutning",
        end,
        POST,
        after_end=True,
        again=leaving_page,
        needs_fresh_login=_("End the service for the organisation"),
    ),
    section_endpoint(
        "/avslutning/eksport",
        export,
        POST,
        after_end=True,
        needs_fresh_login=_("Export everything about the organisation"),
    ),
    section_endpoint("/avslutning/sletteprotokoll", deletion_record_bytes),
)
