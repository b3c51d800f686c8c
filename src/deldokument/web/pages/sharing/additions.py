"""«Legg til dokumenter»: the page for documents beside a published share, and its JSON calls.

Guarantees:
- Only the documents that the page shows are added, not those that another page has uploaded since.
- Uploaded documents survive a reload of the page.

The rules are in services.shares.drafts.additions and services.shares.published.changes.
"""

from starlette.responses import JSONResponse, RedirectResponse, Response

from deldokument.domain.errors import InvalidFields, InvalidInput
from deldokument.domain.shares.share import ShareState
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import additions
from deldokument.services.shares.published import changes
from deldokument.services.shares.scans.verdicts import foreseen_verdict
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole, json_endpoint
from deldokument.web.http.requests.json_fields import json_ids
from deldokument.web.http.responses.rendering import render
from deldokument.web.pages.sharing.shares import is_own_proposal, own_ids
from deldokument.web.pages.sharing.upload_json import announced_json, document_json, file_facts, is_infected

_WAITING = ["files_unscanned"]


def addition_page(call: RequestContext) -> Response:
    """Show the pending documents, and the upload field."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    if view.share.state is not ShareState.AVAILABLE or view.stopped:
        return RedirectResponse(f"/delinger/{view.share.id}", 303)
    return render(
        call,
        "pages/sharing/document_addition.html",
        view=view,
        own_proposal=is_own_proposal(call, view),
        own_share=view.sharer_id in own_ids(call),
        addition={
            "share_id": view.share.id,
            "max_document_length": MAX_LENGTH,
            "documents": [document_json(one) for one in view.pending_documents],
        },
        refused=[one for one in view.pending_documents if is_infected(one)],
        tells_recipients=call.deps.sends_notices,
        foreseen_verdict=foreseen_verdict(call.deps),
    )


def announce(call: RequestContext) -> Response:
    """Announce a document beside the share; return the data for its upload."""
    ticket = additions.add_document(call.deps, call.person.person, call.path("id"), **file_facts(call))
    return JSONResponse(announced_json(ticket), 201)


def take_back(call: RequestContext) -> Response:
    """Remove a pending document."""
    additions.take_back(call.deps, call.person.person, call.path("id"), call.path("document_id"))
    return JSONResponse({})


def add(call: RequestContext) -> Response:
    """Add the documents («Legg til dokumentene»), or propose it.

    The response has no ``location`` while they are still being checked.
    """
    share_id, document_ids = call.path("id"), json_ids(call, "documents")
    if not document_ids:
        raise InvalidInput("documents", "files_missing")
    change = Change(documents=tuple(document_ids))
    try:
        is_waiting = changes.change_share(call.deps, call.person.person, share_id, change)
    except InvalidFields as error:
        if [one.code for one in error.errors] != _WAITING:
            raise
        return JSONResponse({}, 202)
    saved = "foreslatt" if is_waiting else "dokumenter-lagt-til"
    return JSONResponse({"location": f"/delinger/{share_id}?lagret={saved}"})


_DOCUMENTS = "/delinger/{id}/dokumenter"
ENDPOINTS = (
    Endpoint(_DOCUMENTS, addition_page, RequiredRole.PERSON),
    json_endpoint(_DOCUMENTS, announce, POST),
    json_endpoint(f"{_DOCUMENTS}/{{document_id}}", take_back, ("DELETE",)),
    json_endpoint("/delinger/{id}/publisering", add, POST),
)
