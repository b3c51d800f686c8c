"""The page on which a recipient lets a program on the same machine receive the documents of a share.

Guarantees:
- Access is the same as for the link's page, and so are refusals.
- Only the button approves: a form with a CSRF token, on a page that cannot be framed.
- After that the browser is sent only to 127.0.0.1 (`domain.shares.program_access`). Only this page may send a form
  there.
"""

from starlette.responses import RedirectResponse, Response

from deldokument.domain.shares.program_access import parse_request
from deldokument.services.downloads.offers import open_share
from deldokument.services.downloads.program_access import approve_program
from deldokument.web.http.request import POST, Endpoint, ErrorFormat, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import CSP, render
from deldokument.web.pages.recipient.offers import head_of_page

_PATH = "/d/{id}/program"


def program_page(call: RequestContext) -> Response:
    """Show the program's request, with its check code."""
    share_id = call.path("id")
    asked = parse_request(call.query("port"), call.query("challenge"), call.query("state"))
    if call.request.method == "HEAD":
        return head_of_page(call, share_id)
    offer = open_share(call.deps, call.person.person, share_id)
    response = render(call, "pages/recipient/program.html", offer=offer, asked=asked)
    # Browsers also apply form-action to the redirect that follows the form.
    response.headers["Content-Security-Policy"] = f"{CSP}; form-action 'self' {asked.origin}"
    return response


def approve(call: RequestContext) -> Response:
    """Approve the program («Gi tilgang»), and send it a code through the browser."""
    fields = call.fields
    asked = parse_request(fields.get("port", ""), fields.get("challenge", ""), fields.get("state", ""))
    code = approve_program(call.deps, call.person, call.path("id"), asked.challenge)
    return RedirectResponse(asked.address(code), 303)


ENDPOINTS = (
    Endpoint(_PATH, program_page, RequiredRole.PERSON, even_refusals=True),
    # Not PAGE: the page that resends a form may not send the browser to the program.
    Endpoint(_PATH, approve, RequiredRole.PERSON, POST, ErrorFormat.BYTES, even_refusals=True),
)
