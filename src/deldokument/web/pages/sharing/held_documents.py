"""Decisions on the page of a share about documents that the scan policy holds («Slipp fri», «Hold tilbake»).

The rules are in services.shares.scans.held_documents.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.services.shares.scans.held_documents import hold_document, release_document
from deldokument.web.http.request import RequestContext
from deldokument.web.pages.sharing.shares import deed


def release(call: RequestContext) -> Response:
    """Release a document."""
    release_document(call.deps, call.person.person, call.path("id"), call.path("document_id"))
    return _to_documents(call)


def hold(call: RequestContext) -> Response:
    """Hold a released document again."""
    hold_document(call.deps, call.person.person, call.path("id"), call.path("document_id"))
    return _to_documents(call)


def _to_documents(call: RequestContext) -> Response:
    return RedirectResponse(f"/delinger/{call.path('id')}#documents", 303)


ENDPOINTS = (
    deed("dokumenter/{document_id}/frigivelse", release),
    deed("dokumenter/{document_id}/tilbakehold", hold),
)
