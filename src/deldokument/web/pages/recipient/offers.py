"""The recipient's pages: the link before and after login, and «Delt med meg».

Guarantees:
- Before login the link's page is the same for existing and unknown ids.
- The content of a share is shown only after services.downloads.access has decided.
- Opening the page records a receipt; a HEAD request does not.
- A confirmation, also of a warning, is a form with a CSRF token: no link, script or scanner can confirm anything.
- Refusals are those of `services.downloads.access`.
"""

import re

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Unavailable
from deldokument.services.downloads.access import authorize
from deldokument.services.downloads.access_requests import request_access
from deldokument.services.downloads.confirmation import confirm_documents
from deldokument.services.downloads.offers import list_offers, open_share
from deldokument.services.downloads.warnings import confirm_warnings
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.document_texts import common_verdict
from deldokument.web.http.responses.errors import error_text
from deldokument.web.http.responses.rendering import render

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def link_page(call: RequestContext) -> Response:
    """Show an introduction before login, and the share after it."""
    share_id = call.path("id")
    if call.session is None:
        return render(call, "pages/recipient/link.html", login=_login_path(share_id))
    if call.request.method == "HEAD":
        return head_of_page(call, share_id)
    offer = open_share(call.deps, call.person.person, share_id)
    findings = [document.finding for document in offer.documents]
    return render(
        call,
        "pages/recipient/offer.html",
        offer=offer,
        inspected_count=sum(finding is not None for finding in findings),
        all_released=all(finding and finding.is_released for finding in findings),
        common_verdict=common_verdict(findings),
        needs_warning=any(document.needs_warning for document in offer.documents),
        scans=call.deps.scanner is not None,
        total_length=sum(document.length for document in offer.documents),
    )


def head_of_page(call: RequestContext, share_id: str) -> Response:
    """Return the response to HEAD of a share's page, which records no opening. Raises: as ``authorize``."""
    authorize(call.deps, call.person.person, share_id)
    response = Response(media_type="text/html")
    # The page is not rendered, so its length is unknown (RFC 9110, 8.6).
    del response.headers["content-length"]
    return response


def confirm(call: RequestContext) -> Response:
    """Record that the person has the documents that the page showed («Jeg har fått dokumentene»)."""
    share_id = call.path("id")
    confirm_documents(call.deps, call.person.person, share_id, call.fields.get("documents", "").split())
    return RedirectResponse(f"/d/{share_id}#documents", 303)


def confirm_warning(call: RequestContext) -> Response:
    """Record that the person has read the warning about a document, or about all, and start the download."""
    share_id, document_id = call.path("id"), call.fields.get("document", "")
    confirm_warnings(call.deps, call.person.person, share_id, document_id)
    return RedirectResponse(f"/d/{share_id}/" + (f"dokument/{document_id}" if document_id else "alt.zip"), 303)


def ask(call: RequestContext) -> Response:
    """Ask for more time («Be om mer tid»), or for a new share once it is over («Be om ny deling»)."""
    share_id = call.path("id")
    request_access(call.deps, call.person.person, share_id)
    return RedirectResponse(f"/d/{share_id}#request", 303)


def _login_path(share_id: str) -> str:
    """Return the path of a login that returns to the link; a malformed id is left out."""
    return f"/logg-inn?neste=/d/{share_id}" if _ID.fullmatch(share_id) else "/logg-inn"


def offers_page(call: RequestContext) -> Response:
    """Show the shares with the person («Delt med meg»)."""
    found = list_offers(call.deps, call.person.person)
    lacking = [error_text(error, call.translator) for error in found.lacking]
    held = error_text(Unavailable("database_restored"), call.translator) if found.held else ""
    template, complete = "pages/recipient/offers.html", found.complete
    return render(call, template, offers=found.offers, complete=complete, lacking=lacking, held=held)


ENDPOINTS = (
    Endpoint("/d/{id}", link_page, RequiredRole.ANYONE, even_refusals=True),
    Endpoint("/d/{id}/bekreftelse", confirm, RequiredRole.PERSON, POST, even_refusals=True),
    Endpoint("/d/{id}/advarsel", confirm_warning, RequiredRole.PERSON, POST, even_refusals=True),
    Endpoint("/d/{id}/foresporsel", ask, RequiredRole.PERSON, POST, even_refusals=True),
    Endpoint("/mine", offers_page, RequiredRole.PERSON),
)
