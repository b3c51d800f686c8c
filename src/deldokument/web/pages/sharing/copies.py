"""«Lag ny deling fra denne»: a draft from a share, and the progress of copying its documents.

Guarantees:
- After an error there is no new draft, and the share's page gives the reason.

The rules are in services.shares.published.publishing and services.shares.drafts.copied_documents.
"""

from starlette.responses import JSONResponse, RedirectResponse, Response

from deldokument.services.shares.display import queries
from deldokument.services.shares.published import publishing
from deldokument.web.http.request import Endpoint, ErrorFormat, RequestContext, RequiredRole
from deldokument.web.pages.sharing.shares import deed
from deldokument.web.pages.sharing.upload_json import document_json


def copy(call: RequestContext) -> Response:
    """Start a new draft from this share, with its documents if that box is checked."""
    share_id, with_documents = call.path("id"), bool(call.fields.get("documents"))
    draft = publishing.copy_share(call.deps, call.person.person, share_id, with_documents=with_documents)
    return RedirectResponse(f"/del?utkast={draft.id}", 303)


def documents(call: RequestContext) -> Response:
    """Return the documents of a draft, for the page that shows the progress of copying."""
    view = queries.view_share(call.deps, call.person.person, call.path("id"))
    return JSONResponse({"documents": [document_json(document) for document in view.documents]})


ENDPOINTS = (
    deed("kopi", copy),
    Endpoint("/del/utkast/{id}/dokumenter", documents, RequiredRole.PERSON, ("GET",), ErrorFormat.JSON),
)
