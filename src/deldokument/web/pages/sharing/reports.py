"""«Rapport»: the report of a share as a sealed PDF, and as signed JSON.

Guarantees:
- Only members of the share's account can see that it exists.
- The files are never shown inline or cached.
"""

from starlette.responses import Response

from deldokument.services.shares.display.report import report_file, sealed_report, share_report
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from deldokument.web.http.responses.report_document import report_document
from deldokument.web.transfer.downloads import attachment


def pdf(call: RequestContext) -> Response:
    """Return the report as PDF, in the page's language."""
    report = share_report(call.deps, call.person.person, call.path("id"))
    content = sealed_report(call.deps, report, report_document(report, call.translator))
    return Response(content, headers=attachment("rapport.pdf"), media_type="application/pdf")


def signed_json(call: RequestContext) -> Response:
    """Return the report as signed JSON."""
    report = share_report(call.deps, call.person.person, call.path("id"))
    return Response(report_file(call.deps, report), headers=attachment("rapport.json"), media_type="application/json")


ENDPOINTS = (
    Endpoint("/delinger/{id}/rapport.pdf", pdf, RequiredRole.PERSON, answer=ErrorFormat.BYTES),
    Endpoint("/delinger/{id}/rapport.json", signed_json, RequiredRole.PERSON, answer=ErrorFormat.BYTES),
)
